/** Bytes of training by role and dtype, without activations. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const mixedSource = "Micikevicius et al. 2018; Rajbhandari et al. 2020, section 3.1";
const nf4Source = "Dettmers et al. 2023, section 3; blocks of 64 values, and of 256 scales";
const scales = "ceil(P_q / B_q)";

/** Weights, trained copies, gradients and totals with Adam. */
export const trainingFormulas: Readonly<Record<string, Formula>> = {
  frozenBytesFp32: bytes("frozen weights in F32", "4 * P_f", "IEEE 754"),
  frozenBytesHalf: bytes("frozen weights in F16 or BF16", "2 * P_f", mixedSource),
  frozenBytesNf4: bytes(
    "one matrix in NF4: half a byte per value, an F32 scale per block; the code's 16 values left out",
    `ceil(P_q / 2) + 4 * ${scales}`,
    nf4Source,
  ),
  frozenBytesNf4Double: bytes(
    "one matrix in NF4 whose scales are quantized: a byte per scale, an F32 scale per block of them, " +
      "and their F32 mean; the codes' tables of 16 and 256 values left out",
    `ceil(P_q / 2) + ${scales} + 4 * ceil(${scales} / B_s) + 4`,
    nf4Source,
  ),
  trainedBytesFp32: bytes("trained weights in F32", "4 * P_t", "IEEE 754"),
  trainedBytesMixed: bytes(
    "trained weights in F32 with a two-byte copy for computation",
    "6 * P_t",
    mixedSource,
  ),
  gradientBytesFp32: bytes("gradients in F32", "4 * P_t", "IEEE 754"),
  gradientBytesHalf: bytes("gradients in F16 or BF16", "2 * P_t", mixedSource),
  trainingBytesFp32: bytes(
    "F32 with Adam: 4 per frozen value, 16 per trained one",
    "4 * P_f + 16 * P_t",
    "Hu et al. 2021, section 4.2 counts weights and moments alone (3 to 1)",
  ),
  trainingBytesMixed: bytes(
    "mixed precision with Adam: 2 per frozen value; 2 + 2 + 4 + 8 per trained one",
    "2 * P_f + 16 * P_t",
    "Rajbhandari et al. 2020, section 3.1",
  ),
  trainingBytesHalf: bytes(
    "two bytes for all but Adam's F32 moments: 2 per frozen value, 12 per trained one",
    "2 * P_f + 12 * P_t",
    "Dettmers et al. 2023, section 1 (780 GB for 65B)",
  ),
  paperTrainingBytes: bytes(
    "weights and two moments at two bytes each, gradients left out",
    "2 * P_f + 6 * P_t",
    "Hu et al. 2021, section 4.2, the closest model below its 1.2 TB (no breakdown is given)",
  ),
  paperMemoryReduction: formula(
    "those bytes of full fine-tuning over those of LoRA",
    "6 * P / (2 * P + 6 * P_t)",
    "ratio",
    "Hu et al. 2021, abstract (3 times) and section 4.2 (2/3 less)",
  ),
};
