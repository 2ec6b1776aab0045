/** Tables 3, 13 and 14: trained parameters of GPT-2. @module */

import {
  byFormula,
  type Computation,
  type Computations,
  inColumn,
  type Remarks,
  trained,
} from "../computation.ts";
import { gptShapeOf, loraOn, shapeOf } from "../models.ts";

const medium = shapeOf("gpt2-medium"), large = shapeOf("gpt2-large");

const full = (model: string, remarks?: Remarks): Computation =>
  byFormula("fullParameters", gptShapeOf(model), remarks);

const adapter = (kind: "H" | "L", shape: typeof medium, r: number, reason?: string): Computation =>
  byFormula(`adapter${kind}Parameters`, { ...shape, r }, { inferred: `r = ${r}`, reason });

const top2 = (reason?: string): Computation =>
  byFormula("topLayersParameters", { L_top: 2, d: medium.d }, { reason });

/** With the number of tokens that comes closest. */
const preLayer = (shape: typeof medium, l_p: number): Computation =>
  byFormula("preLayerParameters", { ...shape, l_p, l_i: 0 }, {
    inferred: `${l_p} tokens`,
    reason: "no integer number of tokens yields the printed value, which is 0.1% of the model",
  });

const lora = (shape: typeof medium, reason: string): Computation =>
  byFormula("loraParameters", loraOn(2, 4, shape), { reason });

/** Rows that Tables 13 and 14 share. */
const shared: Computations = {
  "GPT-2 M, FT": full("gpt2-medium"),
  "GPT-2 M, Adapter L (0.37M)": adapter("L", medium, 6),
  "GPT-2 M, Adapter L (11M)": adapter("L", medium, 224),
  "GPT-2 M, FT-Top2": top2(
    "Table 3 prints 25.19M for the same; the weights of two blocks without biases and norms are 24 · 2²⁰",
  ),
  "GPT-2 M, PreLayer": preLayer(medium, 14),
  "GPT-2 M, LoRA": lora(
    medium,
    "the printed value is 0.1% of the model, the budget of the prefixes; the authors' checkpoint of 1.5 MB " +
      "has 393,216 values of 4 bytes",
  ),
  "GPT-2 L, FT": full("gpt2-large"),
  "GPT-2 L, Adapter L (0.88M)": adapter("L", large, 8),
  "GPT-2 L, Adapter L (23M)": adapter("L", large, 248),
  "GPT-2 L, PreLayer": preLayer(large, 17),
  "GPT-2 L, LoRA": lora(
    large,
    "the printed value is 0.1% of the model, the budget of the prefixes",
  ),
};

/** Tables 13 and 14. */
export const dartAndWebNlg: Computations = inColumn(trained, shared);

/** Table 3, which prints more digits. */
export const e2e: Computations = inColumn(trained, {
  "GPT-2 M, FT": full("gpt2-medium", {
    reason: "probably a misprint of 354.82M: the same formula is exact for GPT-2 large",
  }),
  "GPT-2 M, Adapter L (0.37M)": shared["GPT-2 M, Adapter L (0.37M)"],
  "GPT-2 M, Adapter L (11.09M)": shared["GPT-2 M, Adapter L (11M)"],
  "GPT-2 M, Adapter H": adapter(
    "H",
    medium,
    112,
    "the closest: no integer r yields 11.09M, which is what Adapter L has at r = 224",
  ),
  "GPT-2 M, FT-Top2": top2(),
  "GPT-2 M, PreLayer": shared["GPT-2 M, PreLayer"],
  "GPT-2 M, LoRA": shared["GPT-2 M, LoRA"],
  "GPT-2 L, FT": full("gpt2-large"),
  "GPT-2 L, Adapter L (0.88M)": shared["GPT-2 L, Adapter L (0.88M)"],
  "GPT-2 L, Adapter L (23.00M)": shared["GPT-2 L, Adapter L (23M)"],
  "GPT-2 L, PreLayer": shared["GPT-2 L, PreLayer"],
  "GPT-2 L, LoRA": shared["GPT-2 L, LoRA"],
});
