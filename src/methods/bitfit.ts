/** BitFit (Ben Zaken et al. 2022). @module */

import { type Method, onlyOurs, replaces } from "./method.ts";
import { modulesToSave } from "./option.ts";
import { type CountedModules, isBias } from "./selection.ts";

/** The biases of a model, those of its norms included. */
export const bitfit: Method<"bitfit", CountedModules> = {
  kind: "bitfit",
  summary: "the model's biases",
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
