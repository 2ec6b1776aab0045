/** Optimizers by name. @module */

/** Optimizers whose state has a formula; `adamw` is what this toolkit trains with. */
export const optimizerNames = ["adamw", "sgd", "momentum", "adam8bit", "adafactor"] as const;

/** One of them. */
export type OptimizerName = typeof optimizerNames[number];
