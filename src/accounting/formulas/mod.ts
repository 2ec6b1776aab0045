/** All formulas. @module */

import type { Formula } from "../formula.ts";
import { activationFormulas } from "./activations.ts";
import { computeFormulas } from "./compute.ts";
import { gpt2StepFormulas } from "./gpt2_step.ts";
import { optimizerFormulas } from "./optimizers.ts";
import { parameterFormulas } from "./parameters.ts";
import { storageFormulas } from "./storage.ts";
import { subspaceFormulas } from "./subspaces.ts";
import { trainingFormulas } from "./training.ts";

/** Every formula of the toolkit by name; each is written once, in this folder. */
export const formulas: Readonly<Record<string, Formula>> = {
  ...parameterFormulas,
  ...storageFormulas,
  ...optimizerFormulas,
  ...trainingFormulas,
  ...activationFormulas,
  ...computeFormulas,
  ...subspaceFormulas,
  ...gpt2StepFormulas,
};
