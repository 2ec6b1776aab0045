/** Adapters whose scaling is in B. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import type { LowRankUpdate } from "../../core/low_rank_update.ts";
import { boundsOf } from "../../core/numbers.ts";
import type { TrainedUpdate } from "../../formats/mod.ts";

/** How many times as large zeros may make an adapter. */
const mostGrowth = 64;

/**
 * The same updates with a scaling of 1 and one rank for all modules: α = r, whichever of `use_rslora`,
 * `rank_pattern`, `alpha_pattern` and α itself a reader passes over. B is multiplied by the scaling, and the
 * last update of a module with a lower rank gets zeros.
 *
 * @throws {RangeError} when these would be nearly all of the adapter.
 */
export function bakeUpdates(updates: readonly TrainedUpdate[]): TrainedUpdate[] {
  const modules = Map.groupBy(updates, ({ module }) => module);
  const most = boundsOf(Array.from(modules.values(), rankOf))[1];
  assertGrowth([...modules.values()], most);
  return [...modules.values()].flatMap((sites) => {
    const baked = sites.map(scaled), missing = most - rankOf(sites), last = baked.at(-1)!;
    return missing === 0 ? baked : [...baked.slice(0, -1), padded(last, missing)];
  });
}

const rankOf = (sites: readonly LowRankUpdate[]): number =>
  sites.reduce((sum, { A }) => sum + A.shape[0], 0);

function assertGrowth(modules: readonly (readonly LowRankUpdate[])[], most: number): void {
  const wide = ([{ A, B, outputs = B.shape[0] }]: readonly LowRankUpdate[]) => A.shape[1] + outputs;
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  const before = sum(modules.map((sites) => rankOf(sites) * wide(sites)));
  const after = most * sum(modules.map(wide));
  if (after <= mostGrowth * before) return;
  throw new RangeError(
    `--bake gives every module the largest rank, which must make the adapter at most ${mostGrowth} times as ` +
      `large, found ${Math.round(after / before)} times at rank ${most}`,
  );
}

function scaled(update: TrainedUpdate): TrainedUpdate {
  const { scaling, bias } = update, B = times(update.B, scaling);
  return { ...update, B, scaling: 1, ...bias && { bias: times(bias, scaling) } };
}

const times = ({ shape, data }: HostTensor, factor: number): HostTensor => ({
  ...{ shape, data: Float32Array.from(data, (value) => value * factor) },
});

/** With more rows of zeros in A, and as many columns in B. */
function padded<Update extends LowRankUpdate>(update: Update, missing: number): Update {
  const { A, B } = update, [rank, inner] = A.shape, [out] = B.shape, wide = rank + missing;
  const a = new Float32Array(wide * inner), b = new Float32Array(out * wide);
  a.set(A.data);
  for (let i = 0; i < out; i++) b.set(B.data.subarray(i * rank, (i + 1) * rank), i * wide);
  return { ...update, A: { shape: [wide, inner], data: a }, B: { shape: [out, wide], data: b } };
}
