/** Models and methods whose bytes are compared. @module */

import type { LoraOptions } from "../../src/adapt/mod.ts";
import { type Gpt2Config, parseGpt2Config } from "../../src/models/mod.ts";
import type { TrainerOptions } from "../../src/train/mod.ts";

/** Shapes that differ in every extent: odd widths, an untied head, a narrow feed-forward layer. */
export const shapes: Record<string, Gpt2Config> = {
  "2 x 12": parseGpt2Config({ vocab_size: 11, n_positions: 8, n_embd: 12, n_layer: 2, n_head: 3 }),
  "1 x 40, untied": parseGpt2Config({
    vocab_size: 37,
    n_positions: 16,
    n_embd: 40,
    n_layer: 1,
    n_head: 5,
    tie_word_embeddings: false,
  }),
  "3 x 64, narrow": parseGpt2Config({
    vocab_size: 101,
    n_positions: 12,
    n_embd: 64,
    n_layer: 3,
    n_head: 4,
    n_inner: 96,
  }),
};

/** Two methods, one beside the other. */
export interface Method {
  readonly lora?: Omit<LoraOptions, "seed">;
  readonly dropout?: number;
  readonly accumulation?: number;
  readonly activationCheckpointing?: boolean;
  readonly optimizer?: TrainerOptions["optimizer"];
}

/** A method and its options. */
export const methods: Record<string, Method> = {
  full: {},
  "LoRA on q and v": { lora: { rank: 2, sites: ["q", "v"] } },
  "LoRA on all linears": { lora: { rank: 3, sites: "all" } },
  "full, dropout": { dropout: 0.1 },
  "LoRA on all linears, dropout": { lora: { rank: 3, sites: "all", dropout: 0.1 }, dropout: 0.1 },
  "LoRA on embeddings and the head": {
    lora: { rank: 2, targetModules: ["wte", "wpe", "lm_head", "c_attn"] },
  },
  "full, accumulation": { accumulation: 3 },
  "LoRA on q and v, accumulation": { lora: { rank: 2, sites: ["q", "v"] }, accumulation: 2 },
  "full, dropout, checkpoints": { dropout: 0.1, activationCheckpointing: true },
  "LoRA on all linears, checkpoints": {
    lora: { rank: 3, sites: "all", dropout: 0.1 },
    activationCheckpointing: true,
  },
};
