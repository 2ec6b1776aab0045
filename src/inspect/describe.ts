/**
 * An adapter's updates in numbers: a row for each update, medians by the kind of layer, and short
 * names of updates for tables and figures.
 *
 * @module
 */

import {
  type Amplification,
  amplification,
  type Intruders,
  intruders,
  rankForError,
  type Spectrum,
  spectrum,
} from "../analysis/mod.ts";
import { assertOptions } from "../core/checks.ts";
import { boundsOf, median } from "../core/numbers.ts";
import type { HostTensor } from "../core/tensor.ts";
import { type LowRankUpdate, siteName } from "../core/update.ts";

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

/** Options of {@link describeUpdate}. */
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

/** Medians over the updates of one kind of layer: a few layers can have factors of thousands, which a mean would show. */
export interface KindRow {
  /** The part of their names after the last number: `self_attn.q_proj`. */
  readonly kind: string;
  /** Number of sites. */
  readonly sites: number;
  /** r. */
  readonly rank: number;
  /** ‖ΔW‖. */
  readonly frobenius: number;
  /** ‖ΔW‖² / σ₁². */
  readonly stableRank: number;
  /** exp of the entropy of the singular values. */
  readonly effectiveRank: number;
  /** Number of directions with 90% of ‖ΔW‖². */
  readonly energyRank90: number;
  /** The suggested rank. */
  readonly suggestedRank: number;
  /** ‖ΔW‖ / ‖W‖, if W is known. */
  readonly relativeNorm?: number;
  /** Table 7's amplification factor, if W is known. */
  readonly factor?: number;
  /** The factor of random directions, if W is known. */
  readonly randomFactor?: number;
  /** The factor over that of random directions, if W is known. */
  readonly timesRandom?: number;
}

/** Medians by kind of layer, in the order in which kinds first occur. */
export function mediansByKind(rows: readonly UpdateRow[]): KindRow[] {
  return Array.from(byKind(rows), ([kind, own]) => mediansOf(kind, own));
}

/** Rows by what their names have after the last number. */
export const byKind = <Row extends { readonly name: string }>(
  rows: readonly Row[],
): Map<string, Row[]> => Map.groupBy(rows, ({ name }) => name.replace(/^.*\.\d+\./, ""));

function mediansOf(kind: string, rows: readonly UpdateRow[]): KindRow {
  const of = (pick: (row: UpdateRow) => number) => median(rows.map(pick));
  const hasWeights = rows.every(({ amplification }) => amplification);
  return {
    ...{ kind, sites: rows.length, rank: of(({ rank }) => rank) },
    frobenius: of(({ frobenius }) => frobenius),
    stableRank: of(({ stableRank }) => stableRank),
    effectiveRank: of(({ effectiveRank }) => effectiveRank),
    energyRank90: of(({ energyRank90 }) => energyRank90),
    suggestedRank: of(({ suggestedRank }) => suggestedRank),
    ...(hasWeights && {
      relativeNorm: of(({ relativeNorm }) => relativeNorm!),
      factor: of(({ amplification }) => amplification!.factor),
      randomFactor: of(({ amplification }) => amplification!.randomFactor),
      timesRandom: of(({ amplification }) => amplification!.timesRandom),
    }),
  };
}

/**
 * Names without the leading parts that they all share: `0.attn.c_attn` of
 * `transformer.h.0.attn.c_attn`.
 */
export function shortNames(names: readonly string[]): string[] {
  const paths = names.map((name) => name.split("."));
  const most = boundsOf(paths.map((path) => path.length))[0] - 1;
  let shared = 0;
  while (shared < most && paths.every((path) => path[shared] === paths[0][shared])) shared++;
  return paths.map((path) => path.slice(shared).join("."));
}

/**
 * The prefix that {@link shortNames} leaves out: `transformer.h.`; empty if the names share
 * nothing.
 */
export function sharedPrefix(names: readonly string[]): string {
  const [name] = names, [short] = shortNames(names);
  return name.slice(0, name.length - short.length);
}
