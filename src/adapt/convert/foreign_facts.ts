/** What is known about files of other programs. @module */

/** What files of other programs than PEFT leave open. */
export interface ForeignFacts {
  /** α of modules that the file has none of. */
  readonly alpha?: number;
  /** `enable_lora` of loralib's `MergedLinear`. */
  readonly enabled?: readonly boolean[];
  /** Paths of the base's layers, of which kohya writes no dots. */
  readonly layers?: readonly string[];
}
