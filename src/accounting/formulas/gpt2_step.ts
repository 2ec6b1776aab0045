/** Bytes of a training step of our GPT-2, in F32, read off its forward and backward pass. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const forward = "src/autograd: a tape keeps what it computed until the step's end";
const backward = "src/autograd: a gradient lives until it has been used";

/** What the tape holds, and what the backward pass adds at the moments that may be its peak. */
export const gpt2StepFormulas: Readonly<Record<string, Formula>> = {
  stepForwardBytes: bytes(
    "results of the forward pass: in each block, ten of the model's width (norm, q k v, attention, " +
      "output, sum; norm, down, sum), two of the feed-forward width, and the statistics of two norms " +
      "and the attention; around them, three of the embeddings, the last norm, the logits and the loss",
    "4 * (b * s * ((10 * L + 4) * d + 2 * L * d_ff + L * (a + 4) + n_voc + 7) + 1)",
    forward,
  ),
  stepIndexBytes: bytes(
    "the index of each token's gradient, if embeddings are trained",
    "4 * (2 * b * s + n_voc + n_pos + 2)",
    forward,
  ),
  stepDropoutBytes: bytes(
    "embeddings after dropout and, twice per block, residuals after dropout",
    "4 * b * s * (2 * L + 1) * d",
    forward,
  ),
  stepHiddenBytes: bytes("x A of every update", "4 * b * s * r * n_W", forward),
  stepDroppedInputBytes: bytes(
    "inputs of the updates after dropout: each update has its own copy",
    "4 * b * s * n_in",
    forward,
  ),
  stepHeadGradientBytes: bytes(
    "gradients in the head's backward pass: logits and their input",
    "4 * b * s * (n_voc + d)",
    backward,
  ),
  stepDownGradientBytes: bytes(
    "gradients in the down projection's backward pass: residual, output and input",
    "4 * b * s * (2 * d + d_ff)",
    backward,
  ),
  stepGeluGradientBytes: bytes(
    "gradients in the activation function's backward pass: residual, output and input",
    "4 * b * s * (d + 2 * d_ff)",
    backward,
  ),
  stepAttentionGradientBytes: bytes(
    "gradients in the backward pass of attention or its input projection: residual, one more, q, k and v",
    "20 * b * s * d",
    backward,
  ),
  stepFirstAttentionGradientBytes: bytes(
    "the same if the block's input needs no gradient: output, q, k and v",
    "16 * b * s * d",
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
