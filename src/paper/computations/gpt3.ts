/** Tables 4, 5 and 15: trained parameters of GPT-3 175B. @module */

import {
  byFormula,
  type Computation,
  type Computations,
  inColumn,
  trained,
} from "../computation.ts";
import { gpt3, gptShapeOf, loraOn } from "../models.ts";

const { L, d } = gpt3;

const full = (reason?: string): Computation =>
  byFormula("fullParameters", gptShapeOf("gpt3-175b"), { reason });

const preEmbed = (l_p: number, l_i: number): Computation =>
  byFormula("preEmbedParameters", { d, l_p, l_i });

const preLayer = (l_p: number, l_i: number): Computation =>
  byFormula("preLayerParameters", { L, d, l_p, l_i }, {
    reason:
      "the printed values of prefix layers are 0.8 to 8.1% above section 5.1's formula; no simple term " +
      "explains all five",
  });

const adapterH = (r: number): Computation => byFormula("adapterHParameters", { L, d, r });

const lora = (matrices: number, r: number, reason?: string): Computation =>
  byFormula("loraParameters", loraOn(matrices, r, gpt3), { reason });

const loraPreEmbed = (r: number): Computation =>
  byFormula("loraPreEmbedParameters", { ...loraOn(2, r, gpt3), l_p: 8, l_i: 4 });

/** Settings are those of appendix D.4 where Table 4 states none. */
export const table4: Computations = inColumn(trained, {
  "FT": full("175,221,817,344 with an untied head, 34M less than the printed value"),
  "BitFit": byFormula("bitFitParameters", { L, d }, {
    reason: "twelve widths per block, one more than a block has biases, are 14,155,776",
  }),
  "PreEmbed": preEmbed(256, 8),
  "PreLayer": preLayer(8, 8),
  "Adapter H (7.1M)": adapterH(1),
  "Adapter H (40.1M)": adapterH(8),
  "LoRA (4.7M)": lora(2, 1),
  "LoRA (37.7M)": lora(2, 8),
});

/** The same budget, spent on different matrices. */
export const table5: Computations = inColumn(trained, {
  "W_q, r = 8": lora(1, 8),
  "W_k, r = 8": lora(1, 8),
  "W_v, r = 8": lora(1, 8),
  "W_o, r = 8": lora(1, 8),
  "W_q, W_k, r = 4": lora(2, 4),
  "W_q, W_v, r = 4": lora(2, 4),
  "W_q, W_k, W_v, W_o, r = 2": lora(4, 2),
});

/** All settings that were tried. */
export const table15: Computations = inColumn(trained, {
  "FT": full(),
  "PreEmbed, l_p = 32, l_i = 8": preEmbed(32, 8),
  "PreEmbed, l_p = 64, l_i = 8": preEmbed(64, 8),
  "PreEmbed, l_p = 128, l_i = 8": preEmbed(128, 8),
  "PreEmbed, l_p = 256, l_i = 8": preEmbed(256, 8),
  "PreEmbed, l_p = 512, l_i = 8": preEmbed(512, 8),
  "PreLayer, l_p = 2, l_i = 2": preLayer(2, 2),
  "PreLayer, l_p = 8, l_i = 0": preLayer(8, 0),
  "PreLayer, l_p = 8, l_i = 8": preLayer(8, 8),
  "PreLayer, l_p = 32, l_i = 4": preLayer(32, 4),
  "PreLayer, l_p = 64, l_i = 0": preLayer(64, 0),
  "Adapter H, r = 1": adapterH(1),
  "Adapter H, r = 4": adapterH(4),
  "Adapter H, r = 8": adapterH(8),
  "Adapter H, r = 16": adapterH(16),
  "Adapter H, r = 64": adapterH(64),
  "LoRA, r_v = 2": lora(1, 2),
  "LoRA, r_q = r_v = 1": lora(2, 1),
  "LoRA, r_q = r_v = 2": lora(2, 2),
  "LoRA, r_q = r_k = r_v = r_o = 1": lora(4, 1),
  "LoRA, r_q = r_v = 4": lora(2, 4),
  "LoRA, r_q = r_k = r_v = r_o = 2": lora(4, 2),
  "LoRA, r_q = r_v = 8": lora(2, 8),
  "LoRA, r_q = r_k = r_v = r_o = 4": lora(4, 4),
  "LoRA, r_q = r_v = 64": lora(2, 64),
  "LoRA, r_q = r_k = r_v = r_o = 64": lora(
    4,
    64,
    "the printed value is twice 301.9M, which was truncated",
  ),
  "LoRA+PE, r_q = r_v = 8, l_p = 8, l_i = 4": loraPreEmbed(8),
  "LoRA+PE, r_q = r_v = 32, l_p = 8, l_i = 4": loraPreEmbed(32),
  "LoRA+PE, r_q = r_v = 64, l_p = 8, l_i = 4": loraPreEmbed(64),
  "LoRA+PL, r_q = r_v = 8, l_p = 8, l_i = 4": byFormula(
    "loraPreLayerParameters",
    { ...loraOn(2, 8, gpt3), L, l_p: 8, l_i: 4 },
    { reason: "as with the prefix layers alone" },
  ),
});
