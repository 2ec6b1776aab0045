/** Optimizers by name: apart, because the command line lists them and must not load formulas. @module */

/** Optimizers whose state has a formula; devices train with `adamw`. */
export const optimizerNames = ["adamw", "sgd", "momentum", "adamw8bit", "adafactor"] as const;

/** One of them. */
export type OptimizerName = typeof optimizerNames[number];
