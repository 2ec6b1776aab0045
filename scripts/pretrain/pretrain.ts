/**
 * Pretrains our small base and writes it with its log: the one command behind `models/tiny-gpt2`.
 *
 *     deno run -A scripts/pretrain/pretrain.ts [FOLDER] [--steps N]
 *
 * The tokenizer and the n-gram baselines come first (`tokenizer.ts` and `baselines.ts` beside it).
 *
 * @module
 */

import { parseArgs } from "node:util";
import { writeJsonAtomic } from "../../src/core/files.ts";
import {
  type EncodedDocuments,
  encodeDocuments,
  evaluationWindows,
  languageScore,
  loadPretrainingText,
  randomWindows,
  tokenStream,
} from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import {
  initGpt2,
  loadModel,
  parseGpt2Config,
  saveModel,
  type TextModel,
} from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { cosineSchedule, evaluate, train } from "../../src/train/mod.ts";

/** Sizes, steps and rates, from the small trials that the decision page on the base describes. */
const recipe = {
  seed: 1,
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

/** Decay on matrices only, as is usual for pretraining. */
function groups(model: TextModel) {
  const parameters = model.trainable();
  const isMatrix = ({ name, shape }: { name: string; shape: readonly number[] }) =>
    shape.length === 2 && !/\.(wte|wpe)\./.test(name);
  return [
    { parameters: parameters.filter(isMatrix), weightDecay: recipe.weightDecay },
    { parameters: parameters.filter((parameter) => !isMatrix(parameter)), weightDecay: 0 },
  ];
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    options: { steps: { type: "string", default: "9000" } },
    allowPositionals: true,
  });
  const folder = positionals[0] ?? "models/tiny-gpt2", steps = Number(values.steps);
  const tokenizer = await loadTokenizer(folder);
  const text = await loadPretrainingText();
  const stream = tokenStream(encodeDocuments(tokenizer, text.train));
  const heldOut = encodeDocuments(tokenizer, text.heldOut);
  using device = await openCpuDevice({ blas: false });
  console.error(device.description);
  using model = initGpt2(device, config, { seed: recipe.seed });
  const log: { step: number; loss: number; gradientNorm: number }[] = [];
  const started = performance.now();
  const events = train(model, randomWindows(stream, recipe), {
    ...recipe,
    steps,
    groups: groups(model),
    schedule: cosineSchedule({
      steps,
      warmupSteps: Math.round(recipe.warmUpShare * steps),
      floor: recipe.finalShare,
    }),
  });
  for await (const { step, loss, gradientNorm } of events) {
    log.push({ step, loss, gradientNorm });
    if ((step + 1) % 100 !== 0) continue;
    const mean = log.slice(-100).reduce((sum, entry) => sum + entry.loss, 0) / 100;
    const seconds = (performance.now() - started) / 1000;
    console.error(`step ${step + 1}: ${mean.toFixed(3)} nats, ${seconds.toFixed(0)} s`);
  }
  await saveModel(model, folder, "F16");
  using saved = await loadModel(device, folder);
  const result = {
    recipe,
    steps,
    tokens: steps * recipe.batch * recipe.length,
    minutes: (performance.now() - started) / 60_000,
    device: device.description,
    heldOut: await score(saved, heldOut),
    loss: log.filter(({ step }) => step % 20 === 19).map(({ step }) => [
      step + 1,
      log.slice(step - 19, step + 1).reduce((sum, entry) => sum + entry.loss, 0) / 20,
    ]),
  };
  await writeJsonAtomic(`${folder}/pretraining.json`, result);
  console.log(JSON.stringify({ ...result, loss: undefined }));
}
