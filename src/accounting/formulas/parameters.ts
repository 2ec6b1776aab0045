/** Parameters that a method trains. @module */

import { type Formula, formula } from "../formula.ts";

const count = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "parameters", source);

const block = "(12 * d^2 + 13 * d)";
const bottleneck = "(2 * d * r + r + d)";
const lora = "2 * n_W * d * r";
const preEmbed = "d * (l_p + l_i)";
const preLayer = "L * d * (l_p + l_i)";

/** Full fine-tuning, LoRA and the baselines of the paper's section 5.1. */
export const parameterFormulas: Readonly<Record<string, Formula>> = {
  fullParameters: count(
    "parameters of a GPT-2 or GPT-3 whose head is the token embedding, all trained",
    `(n_voc + n_pos) * d + L * ${block} + 2 * d`,
    "Hu et al. 2021, section 5.1 (FT); layers of Radford et al. 2019",
  ),
  topLayersParameters: count(
    "parameters of the top blocks",
    `L_top * ${block}`,
    "Hu et al. 2021, section 5.1 and table 3 (FT-Top2)",
  ),
  bitFitParameters: count(
    "biases of a GPT-2 or GPT-3: eleven widths in each block, one in the last norm",
    "(11 * L + 1) * d",
    "Hu et al. 2021, section 5.1 (BitFit); Ben Zaken et al. 2022",
  ),
  loraParameters: count(
    "A and B of every adapted square matrix",
    lora,
    "Hu et al. 2021, section 5.1 (LoRA)",
  ),
  lowRankParameters: count(
    "A (rank, in) and B (out, rank) of one matrix",
    "r * (d_in + d_out)",
    "Hu et al. 2021, section 4.1",
  ),
  veraParameters: count(
    "d (rank) and b (out) of one matrix; A and B are drawn from a seed and shared",
    "r + d_out",
    "Kopiczko et al. 2024, section 3.2",
  ),
  preEmbedParameters: count(
    "embeddings of special tokens",
    preEmbed,
    "Hu et al. 2021, section 5.1 (PreEmbed)",
  ),
  preLayerParameters: count(
    "activations of special tokens after every block",
    preLayer,
    "Hu et al. 2021, section 5.1 (PreLayer)",
  ),
  prefixTuningParameters: count(
    "keys and values of special tokens in every block",
    "2 * L * d_kv * l_p",
    "Li and Liang 2021, section 4.3, without its projection",
  ),
  adapterHParameters: count(
    "two bottlenecks in every block",
    `2 * L * ${bottleneck}`,
    "Hu et al. 2021, section 5.1 (Adapter H); Houlsby et al. 2019",
  ),
  adapterLParameters: count(
    "one bottleneck and one layer norm in every block",
    `L * ${bottleneck} + 2 * L * d`,
    "Hu et al. 2021, section 5.1 (Adapter L); Lin et al. 2020",
  ),
  adapterPParameters: count(
    "one bottleneck in every block",
    `L * ${bottleneck}`,
    "Hu et al. 2021, section 5.1 (Adapter P); Pfeiffer et al. 2021",
  ),
  adapterDParameters: count(
    "one bottleneck in every block that keeps its adapter",
    `(L - L_drop) * ${bottleneck}`,
    "Hu et al. 2021, section 5.1 (Adapter D, whose settings the paper does not give); Rücklé et al. 2020",
  ),
  loraPreEmbedParameters: count(
    "LoRA and prefix embeddings together",
    `${lora} + ${preEmbed}`,
    "Hu et al. 2021, appendix E (LoRA+PE)",
  ),
  loraPreLayerParameters: count(
    "LoRA and prefix layers together",
    `${lora} + ${preLayer}`,
    "Hu et al. 2021, appendix E (LoRA+PL)",
  ),
  reductionFactor: formula(
    "parameters of a matrix per parameter of its update",
    "d_in * d_out / (r * (d_in + d_out))",
    "ratio",
    "Hu et al. 2021, section 4.1",
  ),
  breakEvenRank: formula(
    "rank at which an update has as many parameters as its matrix",
    "d_in * d_out / (d_in + d_out)",
    "values",
    "Hu et al. 2021, section 4.1",
  ),
  parameterReduction: formula(
    "parameters of a model per trained parameter",
    "P / P_t",
    "ratio",
    "Hu et al. 2021, abstract (10,000 times)",
  ),
  trainedPercent: formula(
    "trained parameters as a percentage of the model",
    "100 * P_t / P",
    "percent",
    "Hu et al. 2021, section 2 (0.01%)",
  ),
};
