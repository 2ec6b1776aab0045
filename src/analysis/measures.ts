/**
 * Measures of an update's effective number of directions, from its singular values; and curves over
 * the rank: where they bend, fall below a limit, or cross.
 *
 * @module
 */

/** Squares of the values over the largest square, so that none overflows; empty if all are zero. */
function shares(values: ArrayLike<number>): number[] {
  const largest = values[0];
  return largest > 0 ? Array.from(values, (value) => (value / largest) ** 2) : [];
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** ‖ΔW‖_F = √(Σ σᵢ²), of values in descending order. */
export function frobeniusOf(values: ArrayLike<number>): number {
  return values.length === 0 ? 0 : values[0] * Math.sqrt(sum(shares(values)));
}

/** Number of σᵢ above max(rows, columns) · epsilon · σ₁: those too large to be rounding errors. */
export function numericalRank(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
  epsilon: number,
): number {
  const edge = Math.max(rows, columns) * epsilon;
  return shares(values).filter((share) => Math.sqrt(share) > edge).length;
}

/** ‖ΔW‖_F² / σ₁², from 1 to the rank; 0 for an update that is zero. */
export function stableRank(values: ArrayLike<number>): number {
  return sum(shares(values));
}

/**
 * exp(−Σ pᵢ ln pᵢ) with pᵢ = σᵢ / Σ σ, from 1 to the rank; 0 for an update that is zero.
 *
 * Roy and Vetterli 2007, The effective rank. It is not the entropy of σᵢ² / Σ σ², which others call by
 * the same name.
 */
export function effectiveRank(values: ArrayLike<number>): number {
  const sizes = shares(values).map(Math.sqrt), total = sum(sizes);
  if (total === 0) return 0;
  const terms = sizes.filter((size) => size > 0).map((size) =>
    size / total * Math.log(size / total)
  );
  return Math.exp(-sum(terms));
}

/** (Σ σ²)² / Σ σ⁴, from 1 to the rank; 0 for an update that is zero. */
export function participationRatio(values: ArrayLike<number>): number {
  const squares = shares(values);
  return squares.length === 0 ? 0 : sum(squares) ** 2 / sum(squares.map((square) => square ** 2));
}

/** (Σ σ)² / Σ σ², the squared ratio of nuclear to Frobenius norm, from 1 to the rank; 0 for zero. */
export function nuclearRatio(values: ArrayLike<number>): number {
  const squares = shares(values);
  return squares.length === 0 ? 0 : sum(squares.map(Math.sqrt)) ** 2 / sum(squares);
}

/**
 * K_τ: the least k with Σ_{i ≤ k} σᵢ² ≥ τ Σ σ², the number of directions that hold a share τ of the
 * energy; 0 for an update that is zero.
 *
 * PEFT's `convert_to_lora` counts the same way when given a share; kohya's `sv_fro` compares with τ².
 *
 * @throws {RangeError} when τ is outside (0, 1].
 */
export function energyRank(values: ArrayLike<number>, tau: number): number {
  if (!(tau > 0 && tau <= 1)) {
    throw new RangeError(`a share of the energy must be in (0, 1], found ${tau}`);
  }
  const squares = shares(values), total = sum(squares);
  let head = 0;
  return squares.findIndex((square) => (head += square) >= tau * total) + 1;
}

/**
 * The least k whose best approximation of ΔW has an error of at most `error` · ‖ΔW‖_F.
 *
 * @throws {RangeError} when the error is outside [0, 1).
 */
export function rankForError(values: ArrayLike<number>, error: number): number {
  if (!(error >= 0 && error < 1)) {
    throw new RangeError(`a relative error must be in [0, 1), found ${error}`);
  }
  const squares = shares(values), tails = tailSums(squares);
  return squares.length === 0 ? 0 : tails.findIndex((tail) => tail <= error ** 2 * tails[0]);
}

/** Σ_{i > k} for k = 0 … length, added from the small end. */
function tailSums(squares: readonly number[]): number[] {
  const tails = new Array<number>(squares.length + 1).fill(0);
  for (let k = squares.length - 1; k >= 0; k--) tails[k] = tails[k + 1] + squares[k];
  return tails;
}

/** The error of the best approximation of a rank. */
export interface TruncationError {
  /** √(Σ_{i > k} σᵢ²), in the Frobenius norm. */
  readonly frobenius: number;
  /** `frobenius` / ‖ΔW‖_F; 0 for an update that is zero. */
  readonly relative: number;
  /** σ_{k+1}, in the spectral norm. */
  readonly spectral: number;
}

/** The least error that any matrix of rank k has (Eckart and Young 1936); truncation reaches it. */
export function truncationError(values: ArrayLike<number>, rank: number): TruncationError {
  const tails = tailSums(shares(values)), tail = Math.sqrt(tails[Math.min(rank, tails.length - 1)]);
  return {
    frobenius: tail === 0 ? 0 : values[0] * tail,
    relative: tail === 0 ? 0 : tail / Math.sqrt(tails[0]),
    spectral: values[rank] ?? 0,
  };
}

/**
 * ‖ΔW‖_F (1 / √rows + 1 / √columns): the largest singular value of noise of that shape and norm, with
 * independent values of one variance (Marchenko and Pastur 1967). Values above it are not such noise.
 */
export function marchenkoPasturEdge(rows: number, columns: number, frobenius: number): number {
  return frobenius * (1 / Math.sqrt(rows) + 1 / Math.sqrt(columns));
}

/** A height at a rank. */
export interface RankHeight {
  /** Rank of the update. */
  readonly rank: number;
  /** A loss, or what is left of one. */
  readonly value: number;
}

/**
 * The rank that is reached by the doubling that lowers the curve by the largest factor; `undefined` where no
 * rank is twice another.
 *
 * @example
 * ```ts
 * import { bendOf } from "@lowrank/core/analysis";
 *
 * const heights = { 1: 0.9, 2: 0.5, 4: 0.01, 8: 0.005 };
 * const curve = Object.entries(heights).map(([rank, value]) => ({ rank: Number(rank), value }));
 * console.log(bendOf(curve)); // 4
 * ```
 */
export function bendOf(curve: readonly RankHeight[]): number | undefined {
  const heights = new Map(curve.map(({ rank, value }) => [rank, value]));
  let bend: number | undefined, largest = 0;
  for (const { rank, value } of curve) {
    const before = heights.get(rank / 2);
    if (before === undefined || !(before / value > largest)) continue;
    [bend, largest] = [rank, before / value];
  }
  return bend;
}

/** The least rank whose value is at most `enough`; `undefined` where none is. */
export function neededRank(curve: readonly RankHeight[], enough: number): number | undefined {
  const ranks = curve.filter(({ value }) => value <= enough).map(({ rank }) => rank);
  return ranks.length === 0 ? undefined : Math.min(...ranks);
}

/**
 * The first place where the gap between two curves changes its sign, by a straight line between two of its
 * places, which rise; `undefined` for none.
 */
export function crossing(
  gaps: readonly { readonly x: number; readonly gap: number }[],
): number | undefined {
  for (let i = 1; i < gaps.length; i++) {
    const [a, b] = [gaps[i - 1], gaps[i]];
    if (a.gap === 0) return a.x;
    if (a.gap * b.gap < 0) return a.x + (b.x - a.x) * a.gap / (a.gap - b.gap);
  }
  return gaps.at(-1)?.gap === 0 ? gaps.at(-1)!.x : undefined;
}
