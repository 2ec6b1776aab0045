/** Layers: operations with their parameters. @module */

export { CausalSelfAttention, type SequenceContext } from "./attention.ts";
export { type CacheShape, KeyValueCache } from "./key_value_cache.ts";
export { LayerNorm } from "./layer_norm.ts";
export { Linear, type SiteName } from "./linear.ts";
export { Mlp } from "./mlp.ts";
