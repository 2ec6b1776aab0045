/** The random values that the A of an adapter begins with. @module */

/** Drawn alike, two adapters begin with the same A, or with its first rows where one rank is lower. */
export interface RandomStart {
  /** The distribution, as in PEFT's `init_lora_weights`. */
  readonly init: "kaiming" | "gaussian";
  /** Of the random numbers. */
  readonly seed: number;
}
