/** A process that trains, and what was read in it. @module */

/** What the process trains, on the cpu device. */
export interface ResidentCase {
  /** Width of the model, which has three blocks. */
  readonly width: number;
  /** Rank of LoRA on all linear layers; 0 for full fine-tuning. */
  readonly rank: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** Tokens of each. */
  readonly length: number;
}

/** Bytes. */
export interface Reading {
  /** Resident in the whole process, after two steps. */
  readonly process: number;
  /** Resident in it when the device had been opened and held nothing. */
  readonly before: number;
  /** Resident in the device's memory. */
  readonly device: number;
  /** The ledger's peak. */
  readonly peak: number;
  /** Bytes between tensors that only align them. */
  readonly padding: number;
  /** Scratch of the device's threads, which no ledger counts. */
  readonly scratch: number;
}

/** The model of a case as a configuration. */
export function shapeOf({ width, length }: ResidentCase) {
  return {
    model_type: "gpt2",
    vocab_size: 1000,
    n_positions: length,
    n_embd: width,
    n_layer: 3,
    n_head: 4,
  };
}
