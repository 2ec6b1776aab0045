/**
 * Pretrains our encoder and writes it with its log: the one command behind `models/tiny-roberta`.
 *
 *     deno run -A scripts/pretrain_encoder/pretrain.ts [FOLDER] [--steps N] [--seed S] [--threads T]
 *
 * The tokenizer and the baselines come first (`tokenizer.ts` and `baselines.ts` beside it).
 *
 * @module
 */

import { maskedBatches } from "../../src/data/mod.ts";
import { initEncoder } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import type { Schedule } from "../../src/train/mod.ts";
import { type Material, runPretraining } from "../pretrain/run.ts";
import { entryRows, longest, maskingOf } from "./entries.ts";
import { maskedScore } from "./score.ts";

/** Sizes, steps and rates; the decision page on the encoder says why. */
const recipe = {
  batch: 32,
  learningRate: 2e-3,
  warmupSteps: 200,
  decayShare: 0.2,
  finalShare: 0.02,
  betas: [0.9, 0.98],
  weightDecay: 0.01,
  clipNorm: 1,
} as const;

/** The `config.json`, with the ids of RoBERTa's special tokens. */
export const config = {
  architectures: ["RobertaForMaskedLM"],
  model_type: "roberta",
  vocab_size: 4096,
  hidden_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 512,
  hidden_act: "gelu",
  max_position_embeddings: longest + 2, // Positions are counted after the padding's id, 1.
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  bos_token_id: 0,
  pad_token_id: 1,
  eos_token_id: 2,
  tie_word_embeddings: true,
};

/**
 * Up, then level, then down over the last share of the steps (Zhai et al. 2022, section 3.4): where it ends
 * can be chosen late, as nothing before the descent depends on it.
 */
function trapezoid(steps: number): Schedule {
  const { warmupSteps, decayShare, finalShare } = recipe, descent = decayShare * steps;
  return (step) => {
    const left = Math.min(1, (steps - step) / descent);
    return Math.min(1, (step + 1) / warmupSteps) * (finalShare + (1 - finalShare) * left);
  };
}

async function prepare(folder: string, seed: number): Promise<Material> {
  const tokenizer = await loadTokenizer(folder), masking = maskingOf(tokenizer);
  const rows = await entryRows(tokenizer, "train");
  return {
    init: (device) => initEncoder(device, config, { seed }),
    batches: maskedBatches(rows, { ...masking, batch: recipe.batch, seed }),
    measure: async (saved) => ({ heldOut: await maskedScore(saved, tokenizer) }),
  };
}

if (import.meta.main) {
  await runPretraining({
    folder: "models/tiny-roberta",
    steps: 12_500,
    recipe,
    device: { threads: 1 },
    schedule: trapezoid,
    prepare,
  });
}
