/** Bytes of a training step of our GPT-2, in F32, read off its forward and backward pass. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const forward = "src/autograd: a tape keeps what a backward function saved until that has run";
const backward = "src/autograd: a gradient lives until it has been used";
const blocks = "src/autograd/head_loss.ts: a block's backward pass runs before the next block";

/** What the tape keeps, and what is beside it at the moments that may be the peak. */
export const gpt2StepFormulas: Readonly<Record<string, Formula>> = {
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
