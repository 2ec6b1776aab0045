/** Multi-head self-attention over a fused q, k, v. @module */

import { attentionBackward, attentionForward } from "../../../kernels/attention/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/tensor.ts";
import type { Tape } from "../tape.ts";

/** Extents and masks of self-attention. */
export interface AttentionOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly time: number;
  /** Number of heads. */
  readonly heads: number;
  /** Query i sees keys 0 … i only. */
  readonly causal: boolean;
  /** u32 (batch, time): 0 hides a key from every query. */
  readonly mask?: Tensor;
}

/**
 * out_i = Σ_j softmax_j(q_i · k_j / √d) v_j in every head (Vaswani et al. 2017, equation 1).
 *
 * `qkv` is (batch · time, 3 · width) with rows [q | k | v]; out is (batch · time, width), d = width / heads.
 * Probabilities are never stored: backward draws them again from one number a query.
 *
 * @throws {ShapeError} when qkv or the mask has other extents or the heads do not divide the width.
 */
export function selfAttention(tape: Tape, qkv: Tensor, options: AttentionOptions): Tensor {
  const { batch, time, heads, causal, mask } = options;
  const width = qkv.shape[1] / 3, headWidth = width / heads;
  if (qkv.shape[0] !== batch * time || !Number.isInteger(headWidth)) {
    throw new ShapeError(
      `attention over ${batch} x ${time} tokens with ${heads} heads cannot take ${
        formatShape(qkv.shape)
      }`,
    );
  }
  if (mask) assertShape("the attention mask", mask.shape, [batch, time]);
  const out = tape.activation([batch * time, width], "attention");
  const logSumExp = tape.activation([batch * heads * time], "attention log sum exp");
  const common = {
    batch,
    heads,
    headWidth,
    scale: 1 / Math.sqrt(headWidth),
    causal: Number(causal),
    hasMask: mask ? 1 : 0,
  };
  tape.device.launch(
    attentionForward,
    { q: qkv, k: qkv, v: qkv, mask: mask ?? qkv, out, logSumExp },
    { ...common, ...fusedLayout(time, width) },
  );
  return tape.record(out, [qkv], (dOut) => {
    const { tensor: dQkv, accumulate } = tape.contribute(qkv)!;
    if (accumulate) throw new ShapeError("q, k and v of an attention may have no other reader");
    using delta = tape.device.allocate(logSumExp.shape, "f32", "scratch", "attention delta");
    tape.device.launch(
      attentionBackward,
      { qkv, mask: mask ?? qkv, out, logSumExp, dOut, delta, dQkv },
      { ...common, time },
    );
  });
}

function fusedLayout(time: number, width: number) {
  return {
    queries: time,
    keys: time,
    past: 0,
    qStride: 3 * width,
    qOffset: 0,
    kvStride: 3 * width,
    kOffset: width,
    vOffset: 2 * width,
    kvRows: time,
  };
}
