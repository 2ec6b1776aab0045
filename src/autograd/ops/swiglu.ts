/** SwiGLU: a gate by SiLU. @module */

import { swigluBackward, swigluForward } from "../../../kernels/swiglu/kernel.ts";
import { assertShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

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
