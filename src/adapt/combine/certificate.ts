/** How far the updates that are written are from those that were asked for. @module */

import type { SumError } from "../../analysis/mod.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { LowRankFactors } from "../../core/low_rank_update.ts";
import { decode, encode } from "../../formats/dtype.ts";
import type { FloatDtype } from "../../formats/mod.ts";

/** An update that was written in the place of a sum, or of a difference of weights. */
export interface CertifiedUpdate {
  /** Its site. */
  readonly name: string;
  /** The ranks of the updates that it was made from; none of an extraction. */
  readonly ranks: readonly number[];
  /** Its own. */
  readonly rank: number;
  /** ‖ΔW‖ of what was asked for. */
  readonly norm: number;
  /** ‖ΔW − ΔW′‖ with ΔW′ as the file has it, rounded to its type. */
  readonly distance: number;
  /** `distance` / `norm`; infinite where ΔW is zero and ΔW′ is not. */
  readonly error: number;
  /** The least error that an update of its rank can have (Eckart and Young 1936). */
  readonly least: number;
}

/** The same of all updates together: norms of all ΔW as one vector. */
export type TotalError = Pick<CertifiedUpdate, "error" | "least">;

/** A row from its parts. */
export function certified(
  name: string,
  ranks: readonly number[],
  { A: { shape: [rank] } }: LowRankFactors,
  { norm, frobenius, relative, least }: SumError,
): CertifiedUpdate {
  return { name, ranks, rank, norm, distance: frobenius, error: relative, least };
}

/** Of all updates together. */
export function totalOf(modules: readonly CertifiedUpdate[]): TotalError {
  const [norm, distance, least] = [
    (module: CertifiedUpdate) => module.norm,
    (module: CertifiedUpdate) => module.distance,
    (module: CertifiedUpdate) => module.least * module.norm,
  ].map((pick) => Math.sqrt(modules.reduce((sum, module) => sum + pick(module) ** 2, 0)));
  const share = (size: number) => size === 0 ? 0 : size / norm;
  return { error: share(distance), least: share(least) };
}

/** Factors as a file of a type holds them. */
export const storedFactors = (
  { A, B, scaling }: LowRankFactors,
  dtype: FloatDtype,
): LowRankFactors => ({ A: stored(A, dtype), B: stored(B, dtype), scaling });

const stored = ({ shape, data }: HostTensor, dtype: FloatDtype): HostTensor => ({
  ...{ shape, data: decode(dtype, encode(data, dtype) as Uint8Array<ArrayBuffer>) },
});
