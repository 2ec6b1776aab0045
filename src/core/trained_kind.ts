/** Kinds of trained values, on which the usual learning rate depends. @module */

/**
 * Kind of trained values: a model's own weights, matrices of an adapter, the model's biases alone,
 * or other vectors alone, those of virtual tokens or VeRA's.
 */
export type TrainedKind = "weights" | "matrices" | "biases" | "vectors";
