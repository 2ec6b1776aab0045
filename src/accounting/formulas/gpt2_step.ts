/** Bytes of a training step of our GPT-2, in F32, read off its forward and backward pass. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const forward = "src/autograd: a tape keeps what it computed until the step's end";
const backward = "src/autograd: a gradient lives until it was used";

/** What the tape holds, and what the backward pass adds at the moments when that is most. */
export const gpt2StepFormulas: Readonly<Record<string, Formula>> = {
  stepForwardBytes: bytes(
    "results of the forward pass: in each block ten of the model's width (norm, q k v, attention, " +
      "output, sum; norm, down, sum), two of the feed-forward layer's, and the numbers of two norms " +
      "and the attention; around them three of the embeddings, the last norm, the logits and the loss",
    "4 * (b * s * ((10 * L + 4) * d + 2 * L * d_ff + L * (a + 4) + n_voc + 7) + 1)",
    forward,
  ),
  stepIndexBytes: bytes(
    "where each token's gradient goes, for embeddings that are trained",
    "4 * (2 * b * s + n_voc + n_pos + 2)",
    forward,
  ),
  stepDropoutBytes: bytes(
    "dropped embeddings and, twice a block, dropped residuals",
    "4 * b * s * (2 * L + 1) * d",
    forward,
  ),
  stepHiddenBytes: bytes("x A of every update", "4 * b * s * r * n_W", forward),
  stepDroppedInputBytes: bytes(
    "dropped inputs of the updates: each has a copy of its own",
    "4 * b * s * n_in",
    forward,
  ),
  stepHeadGradientBytes: bytes(
    "gradients when the head runs back: logits and their input",
    "4 * b * s * (n_voc + d)",
    backward,
  ),
  stepDownGradientBytes: bytes(
    "gradients when the down projection runs back: residual, output and input",
    "4 * b * s * (2 * d + d_ff)",
    backward,
  ),
  stepGeluGradientBytes: bytes(
    "gradients when the activation function runs back: residual, output and input",
    "4 * b * s * (d + 2 * d_ff)",
    backward,
  ),
  stepAttentionGradientBytes: bytes(
    "gradients when the attention or its input projection runs back: residual, one more, q, k and v",
    "20 * b * s * d",
    backward,
  ),
  stepFirstAttentionGradientBytes: bytes(
    "the same where the block's input needs no gradient: output, q, k and v",
    "16 * b * s * d",
    backward,
  ),
  stepAttentionScratchBytes: bytes(
    "one number for each query while the attention runs back",
    "4 * b * s * a",
    backward,
  ),
  stepUpdateScratchBytes: bytes(
    "gradient of x A while an update runs back",
    "4 * b * s * r",
    backward,
  ),
  stepDroppedUpdateScratchBytes: bytes(
    "gradients of x A and of the dropped input while an update runs back",
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
