/** The files of loralib, the paper authors' own package. @module */

import { ShapeError } from "../core/errors.ts";
import type { HostTensor } from "../core/tensor.ts";
import { assertUpdate, indicesOf, type LowRankUpdate, rangesOf, sameRows } from "../core/update.ts";
import { gather, stackRows } from "./peft/comparable.ts";

/** Options for reading a file of loralib. */
export interface LoralibOptions {
  /**
   * `enable_lora` of its `MergedLinear` layers: which of a fused weight's equal parts have an update, such as
   * `[true, false, true]` for queries and values. Default: every layer is a `Linear`.
   */
  readonly enabled?: readonly boolean[];
}

/**
 * The updates among a file's tensors, `….lora_A` and `….lora_B`; what else was trained is passed over.
 *
 * A `MergedLinear` with n of its parts enabled stacks theirs: A is `(n · r, in)` and B `(n · rows, r)`. It
 * becomes n updates of rank r, each of its part's rows; `joinUpdates` makes of them PEFT's one of rank n · r.
 *
 * @param scaling α / r, which such a file does not say.
 * @throws {RangeError} when an A has no B, or the scaling is not finite in F32.
 * @throws {ShapeError} when an A and its B do not fit each other, or the enabled parts.
 *
 * @example
 * ```ts
 * import { loralibUpdates } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 0) };
 * const tensors = new Map([["query.lora_A", A], ["query.lora_B", { ...A, shape: [2, 1] }]]);
 * console.log(loralibUpdates(tensors, 2)[0].module); // query
 * ```
 */
export function loralibUpdates(
  tensors: ReadonlyMap<string, HostTensor>,
  scaling: number,
  { enabled = [true] }: LoralibOptions = {},
): LowRankUpdate[] {
  return [...tensors].filter(([name]) => name.endsWith(".lora_A")).flatMap(([name, A]) => {
    const module = name.slice(0, -".lora_A".length), B = tensors.get(`${module}.lora_B`);
    if (!B) throw new RangeError(`A and B must come in pairs, found no ${module}.lora_B`);
    const isMerged = enabled.length > 1 && A.shape[0] === countOf(enabled) * B.shape[1];
    const update = { module, A, B, scaling };
    const updates = isMerged ? partsOf(update, enabled) : [update];
    updates.forEach((update) => assertUpdate(update));
    return updates;
  });
}

/**
 * The tensors of loralib for updates: `Linear` for those of whole weights, `MergedLinear` for the others.
 *
 * @param options The length of `enabled` is the number of equal parts of a fused weight.
 * @throws {ShapeError} when the updates of a weight are not those of the enabled parts, or of several ranks.
 * @throws {RangeError} when scalings differ: such a file has one.
 *
 * @example
 * ```ts
 * import { loralibTensors } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 0) };
 * const B = { shape: [2, 1], data: Float32Array.of(3, 4) };
 * console.log([...loralibTensors([{ module: "query", A, B, scaling: 2 }]).keys()]);
 * ```
 */
export function loralibTensors(
  updates: readonly LowRankUpdate[],
  { enabled = [true] }: LoralibOptions = {},
): Map<string, HostTensor> {
  const other = updates.find(({ scaling }) => scaling !== updates[0].scaling);
  if (other) {
    const found = `${updates[0].scaling} and ${other.scaling}`;
    throw new RangeError(`the updates of a file of loralib must have one scaling, found ${found}`);
  }
  const modules = Map.groupBy(updates, ({ module }) => module);
  return new Map([...modules].flatMap(([module, sites]) => {
    const { A, B } = sites[0].rows ? stacked(sites, enabled) : sites[0];
    return [[`${module}.lora_A`, A], [`${module}.lora_B`, B]] as const;
  }));
}

const countOf = (enabled: readonly boolean[]): number => enabled.filter(Boolean).length;

/** The updates of a fused weight's enabled parts. */
function partsOf(
  { module, A, B, scaling }: LowRankUpdate,
  enabled: readonly boolean[],
): LowRankUpdate[] {
  const parts = enabled.flatMap((isEnabled, part) => isEnabled ? [part] : []);
  const rank = B.shape[1], count = B.shape[0] / parts.length;
  if (!Number.isInteger(count)) {
    throw new ShapeError(
      `B of ${module} must have rows for ${parts.length} parts, found ${B.shape[0]}`,
    );
  }
  return parts.map((part, i) => ({
    module,
    rows: { start: part * count, count },
    outputs: enabled.length * count,
    A: gather(A, indicesOf({ start: i * rank, count: rank })),
    B: gather(B, indicesOf({ start: i * count, count })),
    scaling,
  }));
}

/** The factors of a fused weight's parts, one below the other. */
function stacked(
  sites: readonly LowRankUpdate[],
  enabled: readonly boolean[],
): Pick<LowRankUpdate, "A" | "B"> {
  const startOf = ({ rows }: LowRankUpdate) => rangesOf(rows!)[0].start;
  const sorted = sites.toSorted((a, b) => startOf(a) - startOf(b));
  const [{ module, outputs = 0, A: { shape: [rank] } }] = sorted, count = outputs / enabled.length;
  const starts = enabled.flatMap((isEnabled, part) => isEnabled ? [part * count] : []);
  const fits = starts.length === sorted.length &&
    sorted.every(({ rows, A }, i) =>
      sameRows(rows!, { start: starts[i], count }) && A.shape[0] === rank
    );
  if (fits) {
    return {
      A: stackRows(sorted.map(({ A }) => A)),
      B: stackRows(sorted.map(({ B }) => B)),
    };
  }
  throw new ShapeError(
    `the updates of ${module} must have one rank and the rows of the enabled parts, found rows ` +
      sorted.map((site) => `${startOf(site)} of rank ${site.A.shape[0]}`).join(", "),
  );
}
