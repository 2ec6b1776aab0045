/** What a forward pass or a step asks of a device: launches, operations, bytes. @module */

import { elementBytes, type Kernel } from "../../kernels/kernel.ts";
import { Tape } from "../../src/autograd/mod.ts";
import type { AnyBindings } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { type LatencyShape, openVariants } from "./variants.ts";

/** Counts of what was launched. */
export interface PassCounts {
  /** Kernels that are launched. */
  readonly launches: number;
  /** Floating-point operations of matrix products and attention, a multiplication and an addition being two. */
  readonly flops: number;
  /** Bytes that kernels read and write, each buffer once a launch. */
  readonly bytes: number;
}

type Scalars = Readonly<Record<string, number>>;

/** Computes nothing, and counts what others would compute. */
export class CountingDevice extends DryDevice {
  #counts: PassCounts = { launches: 0, flops: 0, bytes: 0 };

  /** The counts since the last call. */
  take(): PassCounts {
    const counts = this.#counts;
    this.#counts = { launches: 0, flops: 0, bytes: 0 };
    return counts;
  }

  /** Counts a launch. */
  override launch(kernel: Kernel, bindings: AnyBindings, scalars: Scalars): void {
    super.launch(kernel, bindings, scalars);
    const { launches, flops, bytes } = this.#counts;
    this.#counts = {
      launches: launches + 1,
      flops: flops + flopsOf(kernel, scalars),
      bytes: bytes + bytesOf(kernel, bindings, scalars),
    };
  }
}

/** The counts of each model's pass, in the order of the models. */
export function countPasses(
  shape: LatencyShape,
  bottlenecks: readonly number[],
  [batch, length]: readonly [batch: number, length: number],
): PassCounts[] {
  using device = new CountingDevice();
  using opened = openVariants(device, shape, bottlenecks);
  const tokens = { shape: [batch, length], data: new Uint32Array(batch * length) };
  return opened.models.map(([, model]) => {
    device.take();
    using tape = new Tape(device, { record: false });
    model.forward(tape, { tokens });
    return device.take();
  });
}

function flopsOf({ name }: Kernel, s: Scalars): number {
  if (name === "matmul") return 2 * s.m * s.n * (s.k + s.k2);
  // Backward takes five products of a query and a key's size, as scores are computed again; forward two.
  if (name === "attention_backward") {
    return 10 * s.batch * s.heads * s.headWidth * s.time * (s.causal ? (s.time + 1) / 2 : s.time);
  }
  if (name !== "attention_forward") return 0;
  const seen = s.causal ? s.queries * (s.past + (s.queries + 1) / 2) : s.queries * s.keys;
  return 4 * s.batch * s.heads * s.headWidth * seen;
}

/** An `update` is read and written, except where a product writes without accumulating. */
function bytesOf(kernel: Kernel, bindings: AnyBindings, scalars: Scalars): number {
  const reach = kernel.elements(scalars);
  return Object.entries(kernel.bindings).reduce((sum, [name, { type, access }]) => {
    const times = access === "update" && scalars.accumulate !== 0 ? 2 : 1;
    return sum + times * (reach[name] ?? bindings[name].size) * elementBytes(type);
  }, 0);
}
