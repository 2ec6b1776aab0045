/** BitFit (Ben Zaken et al. 2022). @module */

import type { TensorSpec } from "../architectures/architecture.ts";
import { type Method, onlyOurs, replaces } from "./method.ts";
import { modulesToSave } from "./option.ts";
import type { CountedModules } from "./selection.ts";

/** True for a bias. */
export const isBias = ({ name }: Pick<TensorSpec, "name">): boolean => name.endsWith(".bias");

/** The biases of a model, those of its norms included. */
export const bitfit: Method<"bitfit", CountedModules> = {
  kind: "bitfit",
  options: { modulesToSave },
  title: () => "BitFit",
  counts({ tensors }) {
    if (tensors.some(isBias)) return { own: isBias };
    throw new RangeError("BitFit needs a model with biases, found none");
  },
  trains: "biases",
  card: {
    ...{ title: "BitFit adapter", tag: "bitfit" },
    what: `Biases in the place of all those of a base model. ${onlyOurs}; ${replaces}.`,
  },
};
