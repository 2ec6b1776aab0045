/** An adapter's updates in numbers. @module */

import {
  type Amplification,
  amplification,
  type Intruders,
  intruders,
  rankForError,
  type Spectrum,
  spectrum,
} from "../analysis/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { assertOptions } from "../core/options.ts";
import { siteName } from "../core/site.ts";

/** One update in numbers. */
export interface UpdateRow extends Spectrum {
  /** Its site's name. */
  readonly name: string;
  /** r. */
  readonly rank: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** The least rank whose best approximation is within the requested error. */
  readonly suggestedRank: number;
  /** The adapter's rank minus the suggested one. */
  readonly wastedRank: number;
  /** ‖ΔW‖ / ‖W‖, if W is known. */
  readonly relativeNorm?: number;
  /** The row of Table 7, if W is known. */
  readonly amplification?: Amplification;
  /** The leading directions of W + ΔW that are new to W, if they were asked for. */
  readonly intruders?: Intruders;
}

/** How an update is described. */
export interface DescribeOptions {
  /** Relative error that a suggested rank may have. Default: 0.05. */
  readonly error?: number;
  /** W, (out, in), to compare it with. */
  readonly weight?: HostTensor;
  /** Seed of the random directions of Table 7. Default: 1. */
  readonly seed?: number;
  /** Also finds intruders in W, which takes two decompositions of its size. Default: false. */
  readonly intruders?: boolean;
}

/**
 * Norm, spectrum and ranks of an update and, if the weight is given, how it compares with it.
 *
 * @throws {ShapeError} when A, B and W do not fit each other.
 * @throws {RangeError} when a value is not finite or the error is outside [0, 1).
 *
 * @example
 * ```ts
 * import { describeUpdate } from "@lowrank/core/inspect";
 *
 * const A = { shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) };
 * const B = { shape: [2, 2], data: Float32Array.of(100, 0, 0, 1) };
 * const row = describeUpdate({ module: "layer", A, B, scaling: 1 });
 * console.log(row.suggestedRank, row.wastedRank); // 1 1
 * ```
 */
export function describeUpdate(
  update: LowRankUpdate,
  options: DescribeOptions = {},
): UpdateRow {
  assertOptions("describeUpdate", options, {
    error: true,
    weight: true,
    seed: true,
    intruders: true,
  });
  const { error = 0.05, weight, seed = 1 } = options;
  const { scaling, A: { shape: [rank] } } = update;
  const name = siteName(update), own = spectrum(update);
  const suggestedRank = rankForError(own.singularValues, error);
  const row = { name, rank, scaling, ...own, suggestedRank, wastedRank: rank - suggestedRank };
  if (!weight) return row;
  const against = amplification(update, weight, { seed });
  const relativeNorm = against.deltaNorm / against.weightNorm;
  const found = options.intruders ? { intruders: intruders(update, weight) } : {};
  return { ...row, relativeNorm, amplification: against, ...found };
}
