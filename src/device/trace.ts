/** Traces: the launches of a device, one by one, with their times. @module */

import type { Kernel } from "../../kernels/kernel.ts";

/** The fields of a bound tensor that are read here. */
interface Bound {
  readonly storage: object;
  readonly offset: number;
  readonly size: number;
  readonly bytes: number;
}

/** A kernel that ran. */
export interface TracedLaunch {
  /** The kernel that was launched. */
  readonly kernel: Kernel;
  /** Its scalars. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Bytes that it must read or write at least once. */
  readonly bytes: number;
  /** Threads that shared it, on `cpu`. */
  readonly threads?: number;
  /** Its start in ms: after the start of the trace, on `webgpu` after the first launch. */
  readonly start: number;
  /** Its duration in ms. */
  readonly time: number;
}

/** Everything that ran during some work. */
export interface DeviceTrace {
  /** The launches, in the order of the calls. */
  readonly launches: readonly TracedLaunch[];
  /** Duration of the work in ms, waiting for the device included. */
  readonly time: number;
}

/**
 * Bytes that a launch moves if each that it touches is read or written once. A tensor that is bound twice is read once, and one
 * whose elements are chosen by values of another is read as far as the largest of the others reaches.
 */
export function bytesMoved(
  kernel: Kernel,
  bindings: Readonly<Record<string, Bound>>,
  scalars: Readonly<Record<string, number>>,
): number {
  const needed = { ...kernel.elements(scalars), ...kernel.touches?.(scalars) };
  const most = Math.max(0, ...Object.values(needed) as number[]);
  const read: { readonly from: Bound; most: number }[] = [];
  let written = 0;
  for (const [name, { access }] of Object.entries(kernel.bindings)) {
    const from = bindings[name], { storage, offset, size, bytes } = from;
    const moved = size > 0 ? bytes / size * Math.min(size, needed[name] ?? most) : 0;
    if (access !== "read") written += moved;
    if (access === "write") continue;
    const twice = read.find((one) => one.from.storage === storage && one.from.offset === offset);
    if (twice) twice.most = Math.max(moved, twice.most);
    else read.push({ from, most: moved });
  }
  return read.reduce((sum, { most }) => sum + most, written);
}
