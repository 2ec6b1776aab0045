/** Counts the launches, operations and bytes of a forward pass or a step. @module */

import { elementBytes, type Kernel } from "../../kernels/kernel.ts";
import type { LoraOptions } from "../../src/adapt/mod.ts";
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

/** Counts, and the launches themselves: the kernel, its scalars, and the size of each tensor. */
interface Recorded extends PassCounts {
  readonly record: readonly string[];
}

/** The launches of a model's pass beside the base's. */
export interface ComparedPass extends PassCounts {
  /** Places in the order of launches at which the two ask for other kernels, shapes or bytes. */
  readonly differing: number;
}

type Scalars = Readonly<Record<string, number>>;

/** Computes nothing, and counts what others would compute. */
export class CountingDevice extends DryDevice {
  #counts = { flops: 0, bytes: 0 };
  #record: string[] = [];

  /** The launches since the last call. */
  take(): Recorded {
    const record = this.#record, counts = this.#counts;
    this.#record = [];
    this.#counts = { flops: 0, bytes: 0 };
    return { launches: record.length, ...counts, record };
  }

  /** Counts a launch. */
  override launch(kernel: Kernel, bindings: AnyBindings, scalars: Scalars): void {
    super.launch(kernel, bindings, scalars);
    this.#counts.flops += flopsOf(kernel, scalars);
    this.#counts.bytes += bytesOf(kernel, bindings, scalars);
    const sizes = Object.keys(kernel.bindings).map((name) => bindings[name].size);
    this.#record.push(`${kernel.name} ${JSON.stringify(scalars)} ${sizes}`);
  }
}

/** The launches of each model's pass, in the order of the models; the first is the base. */
export function countPasses(
  shape: LatencyShape,
  bottlenecks: readonly number[],
  [batch, length]: readonly [batch: number, length: number],
  lora?: LoraOptions,
): ComparedPass[] {
  using device = new CountingDevice();
  using opened = openVariants(device, shape, bottlenecks, lora);
  const tokens = { shape: [batch, length], data: new Uint32Array(batch * length) };
  const passes = opened.models.map(([, model]) => {
    device.take();
    using tape = new Tape(device, { record: false });
    model.forward(tape, { tokens });
    return device.take();
  });
  return passes.map(({ record, ...counts }) => {
    return { ...counts, differing: countDiffering(record, passes[0].record) };
  });
}

function countDiffering(record: readonly string[], base: readonly string[]): number {
  const places = Math.max(record.length, base.length);
  return Array.from({ length: places }, (_, i) => record[i] !== base[i]).filter(Boolean).length;
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
