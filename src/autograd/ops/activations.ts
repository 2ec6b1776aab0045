/**
 * Activations: GELU (exact or in its tanh form), ReLU, SiLU, tanh, and the gate of SwiGLU.
 *
 * @module
 */

import { geluBackward, geluForward } from "../../../kernels/gelu/kernel.ts";
import { reluBackward, reluForward } from "../../../kernels/relu/kernel.ts";
import { siluBackward, siluForward } from "../../../kernels/silu/kernel.ts";
import { swigluBackward, swigluForward } from "../../../kernels/swiglu/kernel.ts";
import { tanhBackward, tanhForward } from "../../../kernels/tanh/kernel.ts";
import { assertOptions } from "../../core/checks.ts";
import { assertShape } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** The form of GELU. */
export interface GeluOptions {
  /** x · Φ(x), Hugging Face's `gelu`, rather than its tanh form. Default false. */
  readonly exact?: boolean;
}

/**
 * y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), Hugging Face's `gelu_new`, or if `exact` y = x · Φ(x)
 * with the standard normal distribution Φ (Hendrycks and Gimpel 2016, section 2).
 *
 * @throws {TypeError} when an option does not exist.
 */
export function gelu(tape: Tape, x: Tensor, options: GeluOptions = {}): Tensor {
  assertOptions("gelu", options, { exact: true });
  const y = tape.activation(x.shape, "gelu");
  const scalars = { size: x.size, exact: options.exact ? 1 : 0 };
  tape.device.launch(geluForward, { x, y }, scalars);
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(geluBackward, { x, dy, dx }, { ...scalars, accumulate });
  }, [x]);
}

/** y = max(0, x); the gradient passes where y > 0. */
export function relu(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "relu");
  tape.device.launch(reluForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(reluBackward, { y, dy, dx }, { size: x.size, accumulate });
  }, [y]);
}

/** y = x · s with s = 1 / (1 + e^-x); the gradient is dy · s (1 + x · (1 - s)). */
export function silu(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "silu");
  tape.device.launch(siluForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(siluBackward, { x, dy, dx }, { size: x.size, accumulate });
  }, [x]);
}

/** y = tanh(x); the gradient is dy · (1 - y²). */
export function tanh(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "tanh");
  tape.device.launch(tanhForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(tanhBackward, { y, dy, dx }, { size: x.size, accumulate });
  }, [y]);
}

/**
 * out = silu(gate) · up with silu(g) = g / (1 + e^-g), element by element (Shazeer 2020, equation 6).
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function swiglu(tape: Tape, gate: Tensor, up: Tensor): Tensor {
  assertShape("what is gated", up.shape, gate.shape);
  const out = tape.activation(gate.shape, "swiglu"), { size } = out, { device } = tape;
  device.launch(swigluForward, { gate, up, out }, { size });
  return tape.record(out, [gate, up], (dOut) => {
    const intoGate = tape.contribute(gate), intoUp = tape.contribute(up);
    // The kernel computes both; what needs no gradient gets a buffer that is never read.
    using unread = intoGate && intoUp
      ? undefined
      : device.allocate(out.shape, "f32", "scratch", "swiglu unread gradient");
    device.launch(
      swigluBackward,
      { gate, up, dOut, dGate: (intoGate?.tensor ?? unread)!, dUp: (intoUp?.tensor ?? unread)! },
      {
        size,
        accumulateGate: intoGate?.accumulate ?? 0,
        accumulateUp: intoUp?.accumulate ?? 0,
      },
    );
  }, [gate, up]);
}
