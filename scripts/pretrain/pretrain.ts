/**
 * Pretrains our small base and writes it with its log: the one command behind `models/tiny-gpt2`.
 *
 *     deno run -A scripts/pretrain/pretrain.ts [FOLDER] [--steps N] [--seed S] [--threads T]
 *
 * The tokenizer and the n-gram baselines come first (`tokenizer.ts` and `baselines.ts` beside it).
 *
 * @module
 */

import {
  type EncodedDocuments,
  encodeDocuments,
  evaluationWindows,
  languageScore,
  loadPretrainingText,
  randomWindows,
  tokenStream,
} from "../../src/data/mod.ts";
import { initGpt2, parseGpt2Config, type TextModel } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { cosineSchedule, evaluate } from "../../src/train/mod.ts";
import { type Material, runPretraining } from "./run.ts";

/** Sizes, steps and rates, from the small trials that the decision page on the base describes. */
const recipe = {
  batch: 16,
  length: 64,
  learningRate: 2e-3,
  finalShare: 0.05,
  warmUpShare: 0.03,
  betas: [0.9, 0.98],
  weightDecay: 0.1,
  clipNorm: 1,
} as const;

const config = parseGpt2Config({
  vocab_size: 1024,
  n_positions: 64,
  n_embd: 256,
  n_layer: 2,
  n_head: 8,
  layer_norm_epsilon: 1e-5,
  bos_token_id: 1023,
  eos_token_id: 1023,
});

/** Nats per token and bits per byte on all held-out tokens. */
async function score(model: TextModel, heldOut: EncodedDocuments) {
  const windows = evaluationWindows(heldOut, { batch: 16, length: recipe.length });
  const { loss } = await evaluate(model, windows);
  return languageScore(loss * heldOut.tokens, heldOut);
}

async function prepare(folder: string, seed: number): Promise<Material> {
  const tokenizer = await loadTokenizer(folder), text = await loadPretrainingText();
  const { batch, length } = recipe;
  const heldOut = encodeDocuments(tokenizer, text.heldOut);
  return {
    init: (device) => initGpt2(device, config, { seed }),
    batches: randomWindows(tokenStream(encodeDocuments(tokenizer, text.train)), {
      ...{ batch, length, seed },
    }),
    measure: async (saved) => ({ heldOut: await score(saved, heldOut) }),
  };
}

if (import.meta.main) {
  await runPretraining({
    folder: "models/tiny-gpt2",
    steps: 9000,
    recipe,
    device: { blas: false },
    schedule: (steps) =>
      cosineSchedule({
        steps,
        warmupSteps: Math.round(recipe.warmUpShare * steps),
        floor: recipe.finalShare,
      }),
    prepare,
  });
}
