/** An adapter's updates by the kind of layer that they change. @module */

import { median } from "../core/numbers.ts";
import type { UpdateRow } from "./describe.ts";

/** Medians over the updates of one kind of layer: a few layers can have factors of thousands, which a mean would show. */
export interface KindRow {
  /** What their names have after the last number: `self_attn.q_proj`. */
  readonly kind: string;
  /** How many there are. */
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
  /** One over the other, if W is known. */
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
