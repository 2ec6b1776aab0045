/** What a planted shift is made from and how it is learned. @module */

/** How A and B begin. */
export type Start =
  | "kaiming"
  | "gaussian"
  | "turned"
  | "random"
  | "small"
  | "zero"
  | "pissa"
  | "olora";

/** All that a lesson depends on: the same settings give the same numbers, in a page and in Deno. */
export interface Settings {
  /** Inputs and outputs: 2, a circle that becomes an ellipse, or 16. */
  readonly width: 2 | 16;
  /** Rank of D, what is to be learned. */
  readonly shiftRank: number;
  /** r, the rank of B A. */
  readonly rank: number;
  /** α. */
  readonly alpha: number;
  /** η of AdamW, for LoRA and for full fine-tuning. */
  readonly learningRate: number;
  /** How A and B begin. */
  readonly start: Start;
  /** The longest axis of the inputs over the shortest: 1 is round. */
  readonly spread: number;
  /** Seed of W₀, D, the inputs, A and B. */
  readonly seed: number;
}
