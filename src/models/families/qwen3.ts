/** Qwen3 (Yang et al. 2025), with the parameter names of Hugging Face. @module */

import type { LlamaConfig } from "../../architectures/families/llama.ts";
import { type QkvProjection, rotaryProjections } from "../../nn/attention.ts";
import { Llama } from "./llama.ts";

/** A Llama whose queries and keys are normalized, each head by itself, before their positions turn them. */
export class Qwen3 extends Llama {
  /** Queries and keys with their norms, and values. */
  protected override projections(at: string, config: LlamaConfig): QkvProjection {
    const { heads, kvHeads, epsilon } = config;
    const inputs = ["q", "k", "v"].map((name) => this.layers.linear(`${at}.${name}_proj`));
    const norms = ["q", "k"].map((name) => this.layers.rmsNorm(`${at}.${name}_norm`, epsilon));
    return rotaryProjections(inputs, heads, kvHeads, norms);
  }
}
