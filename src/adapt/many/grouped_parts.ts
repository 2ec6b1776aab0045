/** The tables by which kernels find the matrices of each adapter of a batch. @module */

import type { GroupedGradients } from "../../autograd/ops/segment_linear.ts";
import type { GroupedMatrices } from "../../autograd/ops/segments.ts";
import { DeviceError } from "../../core/errors.ts";
import type { Tensor } from "../../device/device.ts";
import type { Scope } from "../../device/scope.ts";
import { spanOver } from "../../device/spans.ts";

/** What `segment_product` knows of a part of a group, and its factor. */
export type ProductPart = readonly [
  n: number,
  k: number,
  fromColumn: number,
  start: number,
  toColumn: number,
  factor: number,
];

/** What `segment_outer` knows of a part of a group. */
export type OuterPart = readonly [
  m: number,
  n: number,
  pColumn: number,
  qColumn: number,
  start: number,
];

/** Matrices in `values` that rows are multiplied by, with tables that the scope owns. */
export function groupedMatrices(
  scope: Scope,
  name: string,
  values: Tensor,
  groups: readonly (readonly ProductPart[])[],
): GroupedMatrices {
  const { padded, parts, partCount } = partsOf(scope, name, groups);
  const factors = padded.map((part) => part[5] ?? 0);
  const scalings = scope.allocate([factors.length], "f32", "adapter", `${name} scalings`);
  scope.device.write(scalings, Float32Array.from(factors));
  const [mostN, mostK] = largest(groups);
  return { values, parts, factors: scalings, groups: groups.length, partCount, mostN, mostK };
}

/** Matrices in `values` that are sums over rows, with a table that the scope owns. */
export function groupedGradients(
  scope: Scope,
  name: string,
  values: Tensor,
  groups: readonly (readonly OuterPart[])[],
): GroupedGradients {
  const { parts, partCount } = partsOf(scope, name, groups), [mostM, mostN] = largest(groups);
  return { values, parts, groups: groups.length, partCount, mostM, mostN };
}

/** Groups with fewer parts than others have empty ones. */
function partsOf(scope: Scope, name: string, groups: readonly (readonly (readonly number[])[])[]) {
  const partCount = Math.max(...groups.map(({ length }) => length)), none = [0, 0, 0, 0, 0];
  const padded = groups.flatMap((own) =>
    Array.from({ length: partCount }, (_, i): readonly number[] => own[i] ?? none)
  );
  const numbers = padded.flatMap((part) => part.slice(0, 5));
  const parts = scope.allocate([numbers.length], "u32", "adapter", `${name} parts`);
  scope.device.write(parts, Uint32Array.from(numbers));
  return { padded, parts, partCount };
}

/** The largest of the first two numbers of all parts. */
const largest = (groups: readonly (readonly (readonly number[])[])[]): number[] =>
  [0, 1].map((i) => Math.max(...groups.flat().map((part) => part[i])));

/**
 * The tensors as one, which a kernel binds as a whole.
 *
 * @throws {DeviceError} when they are in several buffers, or one binding cannot hold them.
 */
export function joined(name: string, views: readonly Tensor[]): Tensor {
  const all = spanOver(views), { maxBindingBytes } = all.device;
  const isOne = views.every(({ storage }) => storage === all.storage);
  if (isOne && all.bytes <= maxBindingBytes) return all;
  const bytes = views.reduce((sum, { bytes }) => sum + bytes, 0);
  throw new DeviceError(
    `the adapters of ${name} must fit into one binding of ${maxBindingBytes} bytes, found ${bytes}`,
  );
}
