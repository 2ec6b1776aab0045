/**
 * Pretrains our encoder and writes it with its log: the one command behind `models/tiny-roberta`. Stopped or
 * killed, the same command resumes from the last checkpoint.
 *
 *     deno run -A scripts/pretrain_encoder/pretrain.ts [FOLDER] [--steps N] [--seed S]
 *
 * The tokenizer and the baselines come first (`tokenizer.ts` and `baselines.ts` beside it).
 *
 * @module
 */

import { parseArgs } from "node:util";
import { writeJsonAtomic } from "../../src/core/files.ts";
import { mean } from "../../src/core/numbers.ts";
import { maskedBatches } from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { initEncoder, loadModel, saveModel, type TextModel } from "../../src/models/mod.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizer/mod.ts";
import {
  emptyLog,
  hasCheckpoint,
  logStep,
  removeCheckpoint,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  type Schedule,
  Trainer,
} from "../../src/train/mod.ts";
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

const checkpointEvery = 250;

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

/** Decay on matrices only, as is usual for pretraining. */
function groups(model: TextModel) {
  const parameters = model.trainable();
  const isMatrix = ({ name, shape }: { name: string; shape: readonly number[] }) =>
    shape.length === 2 && !name.includes("embeddings");
  return [
    { parameters: parameters.filter(isMatrix), weightDecay: recipe.weightDecay },
    { parameters: parameters.filter((parameter) => !isMatrix(parameter)), weightDecay: 0 },
  ];
}

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

/** Trains to the end, from a checkpoint if there is one. */
async function pretrain(
  model: TextModel,
  tokenizer: Tokenizer,
  { steps, seed, checkpoint }: { steps: number; seed: number; checkpoint: string },
) {
  const { batch, learningRate, betas, clipNorm } = recipe;
  const rows = await entryRows(tokenizer, "train");
  const batches = maskedBatches(rows, { ...maskingOf(tokenizer), batch, seed });
  const rates = { learningRate, betas, clipNorm, schedule: trapezoid(steps) };
  const options = { ...rates, steps, seed, groups: groups(model) };
  using trainer = new Trainer(model, options);
  const log = await hasCheckpoint(checkpoint)
    ? (await resumeCheckpoint(checkpoint, trainer)).log
    : emptyLog();
  for await (const event of runTrainer(trainer, batches)) {
    logStep(log, event);
    if (trainer.steps % checkpointEvery !== 0) continue;
    await saveCheckpoint(checkpoint, trainer, log);
    console.error(`step ${trainer.steps}: ${mean(log.loss.slice(-100)).toFixed(3)} nats`);
  }
  return log;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    options: {
      steps: { type: "string", default: "12500" },
      seed: { type: "string", default: "1" },
    },
    allowPositionals: true,
  });
  const folder = positionals[0] ?? "models/tiny-roberta";
  const steps = Number(values.steps), seed = Number(values.seed);
  const checkpoint = `${folder}/pretraining.safetensors`;
  const tokenizer = await loadTokenizer(folder);
  using device = await openCpuDevice({ threads: 1 });
  console.error(device.description);
  using model = initEncoder(device, config, { seed });
  const { loss } = await pretrain(model, tokenizer, { steps, seed, checkpoint });
  await saveModel(model, folder, "F16");
  using saved = await loadModel(device, folder);
  const result = {
    recipe: { ...recipe, seed },
    steps,
    device: device.description,
    heldOut: await maskedScore(saved, tokenizer),
    loss: loss.flatMap((_, at) => {
      const last = at % 20 === 19;
      return last ? [[at + 1, mean(loss.slice(at - 19, at + 1))]] : [];
    }),
  };
  await writeJsonAtomic(`${folder}/pretraining.json`, result);
  await removeCheckpoint(checkpoint);
  console.log(JSON.stringify({ ...result, loss: undefined }));
}
