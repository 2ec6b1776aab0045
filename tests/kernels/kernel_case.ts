/**
 * One trial of a kernel on any device: poisoned outputs, canaries around every buffer, and the float64
 * reference with an error bound from theory as the judge.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import type { Kernel, Numbers } from "../../kernels/kernel.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { hostArrays } from "../../src/device/base.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { Scope } from "../../src/device/arena.ts";

/** Arrays by binding name. */
export type Buffers = Readonly<Record<string, Numbers>>;

/** Scalars by name. */
export type Values = Readonly<Record<string, number>>;

/**
 * Allowed absolute errors of each element of each output, from the values before and after the
 * reference ran. An output that it leaves out must have the very bits of its rounded reference.
 */
export type Bound = (before: Buffers, after: Buffers, scalars: Values) => Record<string, Numbers>;

/** A kernel with inputs, scalars and the error that theory allows. */
export interface KernelCase {
  /** Name of the case: its special property. */
  readonly name: string;
  /** The kernel that runs. */
  readonly kernel: Kernel;
  /** Values of a binding, its size where nothing is read from it, or the binding it shares. */
  readonly buffers: Readonly<Record<string, HostData | number | string>>;
  /** Must be exact in F32. */
  readonly scalars: Values;
  /** The error model. */
  readonly bound: Bound;
}

// A device may want 256-byte alignment, so the canaries before a buffer are 128 elements: of f16, 256 bytes.
const fence = 128;
const canary = 12345.5;

/** Runs a case and fails, naming the worst element, unless every output is within its bound. */
export async function runCase(device: Device, trial: KernelCase): Promise<void> {
  const { before, after } = referenceOf(trial);
  const results = await launchCase(device, trial, before);
  const bounds = trial.bound(before, after, trial.scalars);
  for (const [name, data] of Object.entries(results)) {
    const what = `${trial.kernel.name}, ${trial.name}: ${name}`, size = after[name].length;
    assertFence(what, data, size);
    assertWithin(what, data.subarray(fence, fence + size), after[name], bounds[name]);
  }
}

/** Launches a case and gives all its buffers, canaries included. */
export async function launchCase(
  device: Device,
  trial: KernelCase,
  before: Buffers = referenceOf(trial).before,
): Promise<Record<string, HostData>> {
  using scope = new Scope(device);
  const fenced: Record<string, Tensor> = {}, tensors: Record<string, Tensor> = {};
  for (const [name, values] of Object.entries(before)) {
    fenced[name] = placeFenced(scope, trial, name, values);
    tensors[name] = fenced[name].view([values.length], fence);
  }
  for (const [name, source] of Object.entries(trial.buffers)) {
    if (typeof source === "string") tensors[name] = tensors[source];
  }
  device.launch(trial.kernel, tensors, trial.scalars);
  const results = await device.read(...Object.values(fenced));
  return Object.fromEntries(Object.keys(fenced).map((name, at) => [name, results[at].data]));
}

/** The values before and after the reference, float64, with gaps that it does not write as canaries. */
export function referenceOf(trial: KernelCase): {
  before: Record<string, Numbers>;
  after: Record<string, Numbers>;
} {
  const before = startsOf(trial), probe = runReference(trial, before);
  let hasGaps = false;
  for (const [name, values] of Object.entries(before)) {
    for (let i = 0; i < values.length; i++) {
      if (!Number.isNaN(probe[name][i])) continue;
      values[i] = canary;
      hasGaps = true;
    }
  }
  return { before, after: hasGaps ? runReference(trial, before) : probe };
}

/** The values before a launch, NaN where nothing is read. */
export function startsOf({ buffers }: KernelCase): Record<string, Numbers> {
  const starts: Record<string, Numbers> = {};
  for (const [name, source] of Object.entries(buffers)) {
    if (typeof source !== "string") starts[name] = startOf(source);
  }
  return starts;
}

function startOf(source: HostData | number): Numbers {
  if (typeof source === "number") return new Float64Array(source).fill(NaN);
  return source instanceof Float32Array ? Float64Array.from(source) : source.slice();
}

function runReference(trial: KernelCase, before: Buffers): Record<string, Numbers> {
  const after = Object.fromEntries(
    Object.entries(before).map(([name, values]) => [name, (values as Float64Array).slice()]),
  );
  const bound = Object.keys(trial.kernel.bindings).map((name) => {
    const source = trial.buffers[name];
    return [name, after[typeof source === "string" ? source : name]];
  });
  trial.kernel.reference(Object.fromEntries(bound), trial.scalars);
  return after;
}

function placeFenced(scope: Scope, trial: KernelCase, name: string, values: Numbers): Tensor {
  const type = trial.kernel.bindings[name].type;
  const data = new hostArrays[type](values.length + 2 * fence).fill(canary);
  data.set(values as Float64Array, fence);
  const tensor = scope.allocate([data.length], type, "scratch", name);
  scope.device.write(tensor, data);
  return tensor;
}

function assertFence(what: string, data: HostData, size: number): void {
  const kept = Math.trunc(canary);
  for (let i = 0; i < data.length; i++) {
    if (i === fence) i += size;
    if (Math.trunc(data[i]) !== kept) {
      throw new AssertionError(
        `${what}: wrote ${data[i]} at [${i - fence}], outside of 0..${size}`,
      );
    }
  }
}

/** Fails unless |actual - expected| <= bound everywhere. Without a bound the F32 bits must agree. */
export function assertWithin(what: string, actual: HostData, expected: Numbers, bound?: Numbers) {
  let worst = 0, at = -1;
  for (let i = 0; i < expected.length; i++) {
    const excess = excessOf(actual, expected[i], i, bound);
    if (excess > worst) [worst, at] = [excess, i];
  }
  if (worst <= 1) return;
  const allowed = bound ? bound[at].toExponential(2) : "none";
  throw new AssertionError(
    `${what}: at [${at}] of ${expected.length} actual ${actual[at]}, expected ${expected[at]} ` +
      `(error allowed ${allowed}, ${worst.toPrecision(3)} times that found)`,
  );
}

function excessOf(actual: HostData, expected: number, i: number, bound?: Numbers): number {
  const nearest = actual instanceof Float32Array ? Math.fround(expected) : expected;
  if (Object.is(actual[i], nearest)) return 0;
  const ratio = bound ? Math.abs(actual[i] - expected) / bound[i] : Infinity;
  return Number.isNaN(ratio) ? Infinity : ratio;
}
