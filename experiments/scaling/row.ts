/** What is compared, and how often LoRA's share goes into full fine-tuning's. @module */

/** LoRA as in the paper's account of GPT-3: r = 4 on the query and value projections. */
export const lora = { rank: 4, sites: ["q", "v"] } as const;

/** Sequences of a step, each of the model's full length; verdicts are about the first. */
export const batches = [1, 8, 64] as const;

/** How many times less LoRA takes than full fine-tuning. */
export interface MemoryRatio {
  /** At the peak of a step, activations included. */
  readonly peak: number;
  /** Weights, gradients and the optimiser's state alone. */
  readonly state: number;
}

/** One model. */
export interface ScalingRow {
  /** Its name. */
  readonly model: string;
  /** Parameters. */
  readonly parameters: number;
  /** Tokens of a sequence: all that the model takes. */
  readonly length: number;
  /** Parameters that LoRA trains. */
  readonly trained: number;
  /** Parameters for each of those. */
  readonly reduction: number;
  /** One sequence, in the order of `optimizerNames`. */
  readonly byOptimizer: readonly MemoryRatio[];
  /** AdamW, in the order of `batches`. */
  readonly byBatch: readonly MemoryRatio[];
}
