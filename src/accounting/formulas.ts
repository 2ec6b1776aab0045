/** All formulas. @module */

import { type Formula, formula } from "./formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const korthikanti = "Korthikanti et al. 2022";

/** Values that the forward pass keeps for the backward pass, at two bytes each. */
const activationFormulas: Readonly<Record<string, Formula>> = {
  activationBytes: bytes(
    "activations of all blocks; the last term is the attention probabilities",
    "L * s * b * (34 * d + 5 * a * s)",
    `${korthikanti}, equation 1`,
  ),
  flashActivationBytes: bytes(
    "activations of all blocks when attention does not store probabilities",
    "34 * L * s * b * d",
    `${korthikanti}, equation 1 without its second term; Dao et al. 2022`,
  ),
  checkpointedActivationBytes: bytes(
    "inputs of all blocks, and one block's activations while it is recomputed",
    "2 * L * s * b * d + s * b * (34 * d + 5 * a * s)",
    `${korthikanti}, section 5`,
  ),
};

/** Compute per training token, and the time that added depth costs. */
const computeFormulas: Readonly<Record<string, Formula>> = {
  fullComputePerToken: formula(
    "training step: two operations per weight forward, four backward; P counts the matrices that multiply, " +
      "and the products inside attention are left out",
    "6 * P",
    "FLOP",
    "Kaplan et al. 2020, section 2.1",
  ),
  frozenComputePerToken: formula(
    "training step through frozen weights: their own gradients are not computed",
    "4 * P",
    "FLOP",
    "Hu et al. 2021, section 4.2 (no gradient of most parameters)",
  ),
  loraComputePerToken: formula(
    "training step of A and B of one matrix",
    "6 * r * (d_in + d_out)",
    "FLOP",
    "Hu et al. 2021, equation 3",
  ),
  adaptedComputePerToken: formula(
    "training step of an adapted model: no gradients of its frozen weights",
    "4 * P_f + 6 * P_t",
    "FLOP",
    "Hu et al. 2021, section 4.2; at most a third less than full fine-tuning",
  ),
  loraForwardPerToken: formula(
    "forward pass of an unmerged update of one matrix; zero once merged",
    "2 * r * (d_in + d_out)",
    "FLOP",
    "Hu et al. 2021, equation 3",
  ),
  addedDepthTime: formula(
    "forward pass with layers added in sequence: each adds waiting time and computation",
    "t_0 + n_step * t_step + b * s * F / v",
    "ms",
    "Hu et al. 2021, section 3, table 1 and figure 5",
  ),
  slowdownPercent: formula(
    "time added to a pass, in percent of the pass without it",
    "100 * (t - t_0) / t_0",
    "percent",
    "Hu et al. 2021, table 1",
  ),
  throughputGainPercent: formula(
    "tokens gained in the same time, in percent",
    "100 * (t_0 / t - 1)",
    "percent",
    "Hu et al. 2021, section 4.2 (its 25% is the time saved)",
  ),
  timeSavedPercent: formula(
    "time saved for the same tokens, in percent",
    "100 * (1 - t / t_0)",
    "percent",
    "Hu et al. 2021, section 4.2 (25%)",
  ),
};

const forward = "src/autograd: a tape keeps what a backward function saved until that has run";
const backward = "src/autograd: a gradient lives until it has been used";
const blocks = "src/autograd/loss.ts: a block's backward pass runs before the next block";

/** Values on the tape, and buffers beside it at the moments that may be the peak. */
const gpt2StepFormulas: Readonly<Record<string, Formula>> = {
  stepTokenBytes: bytes("id and position of each token", "4 * 2 * b * s", forward),
  stepIndexBytes: bytes(
    "the index of each token's gradient, if embeddings are trained",
    "4 * (2 * b * s + n_voc + n_pos + 2)",
    forward,
  ),
  stepNormBytes: bytes("a norm's input and two statistics", "4 * b * s * (d + 2)", forward),
  stepInputBytes: bytes(
    "input of a trained weight, of an update, of an update after dropout, or of the activation function, " +
      "unless it is a norm's result, which is computed once more",
    "4 * b * s * d_in",
    forward,
  ),
  stepAttentionBytes: bytes(
    "q, k, v, the result of attention, and one statistic of each head",
    "4 * b * s * (4 * d + a)",
    forward,
  ),
  stepHiddenBytes: bytes("x A of every update", "4 * b * s * r * n_W", forward),
  stepPickBytes: bytes(
    "the tokens that have a label, and the index of each token's gradient, if not all have one",
    "4 * (2 * n_lab + b * s + 1)",
    forward,
  ),
  stepLastInputBytes: bytes(
    "the last norm's input and two statistics",
    "4 * n_lab * (d + 2)",
    forward,
  ),
  stepBlocks: formula(
    "blocks of rows, each of at most 2^25 outputs, or of one row",
    "ceil(n_lab / max(1, floor(2^25 / n_voc)))",
    "blocks",
    blocks,
  ),
  stepBlockRows: formula(
    "rows of each block, of which the last may have fewer",
    "ceil(n_lab / n_blk)",
    "rows",
    blocks,
  ),
  stepLabelBytes: bytes(
    "labels, and a loss of each block, so far",
    "4 * (n_lab + n_blk)",
    forward,
  ),
  stepRowBytes: bytes(
    "states of some rows, which are there until the head has read all, a copy of them, or their gradient",
    "4 * n_row * d",
    blocks,
  ),
  stepBlockOutputBytes: bytes("logits of a block", "4 * n_row * n_voc", blocks),
  stepBlockHeadBytes: bytes(
    "gradients in the backward pass of a block's head: of its logits, in their place, and of its input",
    "4 * n_row * (n_voc + d)",
    blocks,
  ),
  stepSumBytes: bytes(
    "sums of the blocks' losses, and a gradient of each loss",
    "4 * (2 * n_blk - 1)",
    backward,
  ),
  stepLastNormBytes: bytes(
    "in the last norm's backward pass: its input, two statistics, and the gradients of states and input",
    "4 * n_lab * (3 * d + 2)",
    backward,
  ),
  stepResidualGradientBytes: bytes(
    "gradients of n_g values of the model's width",
    "4 * b * s * n_g * d",
    backward,
  ),
  stepDownGradientBytes: bytes(
    "gradients in the backward pass of the feed-forward projections: residual, one more of the " +
      "model's width, one of the feed-forward width",
    "4 * b * s * (2 * d + d_ff)",
    backward,
  ),
  stepGeluGradientBytes: bytes(
    "gradients in the activation function's backward pass: residual, output and input",
    "4 * b * s * (d + 2 * d_ff)",
    backward,
  ),
  stepAttentionScratchBytes: bytes(
    "one number per query during attention's backward pass",
    "4 * b * s * a",
    backward,
  ),
  stepUpdateScratchBytes: bytes(
    "gradient of x A during an update's backward pass",
    "4 * b * s * r",
    backward,
  ),
  stepDroppedUpdateScratchBytes: bytes(
    "gradients of x A and of the input after dropout during an update's backward pass",
    "4 * b * s * (r + d_in)",
    backward,
  ),
  stepNormScratchBytes: bytes(
    "losses and norms of 32 steps, the gradients' norm, and its partial sums over 4,096 values each",
    "256 + 4 + 4 * ceil(P_a / 4096)",
    "src/train: StepRing and GradientNorm",
  ),
  alignedParameters: formula(
    "values of a tensor with the padding that aligns the next one to 256 bytes",
    "64 * ceil(P / 64)",
    "values",
    "src/device: Arena",
  ),
};

/** State of the trained values, in full fine-tuning or an adapter. */
const optimizerFormulas: Readonly<Record<string, Formula>> = {
  sgdStateBytes: bytes("nothing is kept", "0 * P_t", "Robbins and Monro 1951"),
  momentumStateBytes: bytes("one F32 velocity per value", "4 * P_t", "Polyak 1964"),
  adamStateBytes: bytes("two F32 moments per value", "8 * P_t", "Kingma and Ba 2015"),
  adamw8bitStateBytes: bytes(
    "two moments of one byte per value, with an F32 scale per block of each; one tensor",
    "2 * P_t + 8 * ceil(P_t / B_q)",
    "Dettmers et al. 2022; bitsandbytes uses blocks of 256, and F32 below 4,096 values",
  ),
  adafactorStateBytes: bytes(
    "F32 row and column sums of the squared gradient; one matrix, no momentum",
    "4 * (d_in + d_out)",
    "Shazeer and Stern 2018",
  ),
  loraAdafactorStateBytes: bytes(
    "the same for A and B of one matrix: more than for the matrix itself",
    "4 * (d_in + d_out + 2 * r)",
    "Shazeer and Stern 2018",
  ),
};

const count = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "parameters", source);

const block = "(12 * d^2 + 13 * d)";
const bottleneck = "(2 * d * r + r + d)";
const lora = "2 * n_W * d * r";
const preEmbed = "d * (l_p + l_i)";
const preLayer = "L * d * (l_p + l_i)";

/** Full fine-tuning, LoRA and the baselines of the paper's section 5.1. */
const parameterFormulas: Readonly<Record<string, Formula>> = {
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

/** Checkpoints of one task and of many. */
const storageFormulas: Readonly<Record<string, Formula>> = {
  checkpointBytes: bytes(
    "values of a checkpoint, without the file's header",
    "beta * P",
    "Hu et al. 2021, section 4.2 (350 GB, 35 MB)",
  ),
  loraTasksBytes: bytes(
    "one model and an adapter for every task",
    "W + n_task * C",
    "Hu et al. 2021, section 4.2, footnote (354 GB)",
  ),
  fullTasksBytes: bytes(
    "a whole model for every task",
    "n_task * W",
    "Hu et al. 2021, section 4.2, footnote (35 TB)",
  ),
};

/** Quantities of the paper's section 7.3, and their value by chance. */
const subspaceFormulas: Readonly<Record<string, Formula>> = {
  amplificationFactor: formula(
    "norm of an update over the weight's norm in the same directions",
    "N_D / N_UV",
    "ratio",
    "Hu et al. 2021, section 7.3",
  ),
  randomProjectionNorm: formula(
    "root mean square of a square weight's norm in random directions",
    "r * N_W / d",
    "values",
    "Hu et al. 2021, table 7 (random column); U and V uniform and independent",
  ),
};

const mixedSource = "Micikevicius et al. 2018; Rajbhandari et al. 2020, section 3.1";
const nf4Source = "Dettmers et al. 2023, section 3; blocks of 64 values, and of 256 scales";
const scales = "ceil(P_q / B_q)";

/** Weights, trained copies, gradients and totals with Adam. */
const trainingFormulas: Readonly<Record<string, Formula>> = {
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
