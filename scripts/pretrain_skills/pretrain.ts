/**
 * Pretrains our base with skills and writes it with its log: the one command behind `models/tiny-skills`.
 *
 *     deno run -A scripts/pretrain_skills/pretrain.ts [FOLDER] [--steps N] [--seed S] [--threads T]
 *
 * The tokenizer and the n-gram baselines come first (`tokenizer.ts` and `baselines.ts` beside it).
 *
 * @module
 */

import { skillBatches, skills } from "../../src/data/mod.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { cosineSchedule } from "../../src/train/mod.ts";
import { type Material, runPretraining } from "../pretrain/run.ts";
import { skillScores } from "./score.ts";
import { vocabularySize } from "./tokenizer.ts";

/** Sizes, steps and rates, from a study in PyTorch. */
const recipe = {
  batch: 96,
  learningRate: 2e-3,
  warmupSteps: 150,
  betas: [0.9, 0.98],
  weightDecay: 0.01,
  clipNorm: 1,
} as const;

const endOfText = vocabularySize - 1;

const config = parseGpt2Config({
  vocab_size: vocabularySize,
  n_positions: 64,
  n_embd: 192,
  n_layer: 2,
  n_head: 6,
  layer_norm_epsilon: 1e-5,
  bos_token_id: endOfText,
  eos_token_id: endOfText,
});

async function prepare(folder: string, seed: number): Promise<Material> {
  const tokenizer = await loadTokenizer(folder), { batch } = recipe;
  return {
    init: (device) => initGpt2(device, config, { seed }),
    batches: skillBatches(tokenizer, skills, { batch, seed }),
    measure: async (saved) => ({ heldOut: await skillScores(saved, tokenizer) }),
  };
}

if (import.meta.main) {
  await runPretraining({
    folder: "models/tiny-skills",
    steps: 3000,
    recipe,
    device: { threads: 1 },
    schedule: (steps) => cosineSchedule({ steps, warmupSteps: recipe.warmupSteps }),
    prepare,
  });
}
