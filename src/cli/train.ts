/** `lowrank train`. @module */

import { join } from "node:path";
import type { Command } from "./commander.ts";
import { loadAdapter, type LoraAdapter } from "../adapt/mod.ts";
import { prepareFolder, writeJsonAtomic } from "../core/files.ts";
import { countTrainable, type Gpt2, loadModel, saveModel } from "../models/mod.ts";
import { applyMethod, type MethodSpec } from "../runs/mod.ts";
import {
  type Batch,
  emptyLog,
  logStep,
  runTrainer,
  Trainer,
  type TrainingLog,
} from "../train/mod.ts";
import { modelFolder, once } from "./arguments.ts";
import { note, openChosen, printWritten } from "./common.ts";
import { Interrupt } from "./interrupt.ts";
import { addMethodOptions } from "./method.ts";
import { copySmallFiles } from "./model_folder.ts";
import { compilationOf, progressOf } from "./progress.ts";
import { rescue } from "./rescue.ts";
import { readRequest, type TrainOptions } from "./train_request.ts";

const help = `
Batches: {"batches": [[[id, …], …], …]}, where the labels are the ids, or
objects as for logits with labels (-100 is ignored). They are taken in order,
from the start again when they run out.

Configuration: {"steps", "learningRate"} and, where the defaults are not wanted,
"betas", "epsilon", "weightDecay", "schedule" (constant, linear or cosine),
"warmupSteps", "clipNorm" and "method": "full" or {"name": "lora", "rank",
"alpha", "sites" or "targetModules", "dropout", "rankStabilized", "rankPattern",
"alphaPattern"}. Options of the command line take precedence.

The output folder gets the adapter in PEFT's format, or the whole model, and
log.json with the loss, the gradient's norm before clipping and the learning
rate of every step. Ctrl-C stops at the next step and writes what was trained;
a failure midway does so too.`;

/** Trains an adapter or a whole model. */
export function addTrain(program: Command): void {
  const command = program.command("train").description("train an adapter, or a whole model")
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .requiredOption("--batches <file>", "JSON with batches of token ids")
    .requiredOption("--config <file>", "JSON with the settings of training")
    .requiredOption("--output <folder>", "folder to write")
    .option("--adapter <folder>", "PEFT folder to go on from", once);
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(options: TrainOptions): Promise<void> {
  const { training, method, batches, hintOf } = await readRequest(options);
  using device = await openChosen(options);
  using model = await loadModel(device, options.model);
  using adapter = await adapt(model, method, options);
  using trainer = new Trainer(model, { ...training, seed: options.seed });
  await prepareFolder(options.output);
  using interrupt = new Interrupt();
  note(options, hintOf(countTrainable(model)));
  const log = emptyLog(), keep = () => save(options, model, adapter, log);
  const { output } = options, { signal } = interrupt;
  await trainSteps(trainer, batches, log, { ...options, signal }).catch(async (error) => {
    throw await rescue(error, { output, model, log, save: keep });
  });
  await keep();
  const steps = log.loss.length, stopped = signal.aborted;
  printWritten(
    options,
    { steps, trainable: countTrainable(model), loss: log.loss.at(-1) ?? null, stopped, output },
    `wrote ${adapter ? "the adapter" : "the model"} after ${steps} steps to ${output}`,
  );
  interrupt.throwIfStopped();
}

async function trainSteps(
  trainer: Trainer,
  batches: readonly Batch[],
  log: TrainingLog,
  options: TrainOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const report = progressOf(options, trainer.options.steps);
  const { signal } = options, onCompile = compilationOf(options);
  for await (const event of runTrainer(trainer, batches, { signal, onCompile })) {
    logStep(log, event);
    report(event);
  }
}

/** The adapter to train, continued or new; none for full fine-tuning. */
async function adapt(
  model: Gpt2,
  method: MethodSpec,
  options: TrainOptions,
): Promise<LoraAdapter | undefined> {
  const { adapter, seed } = options;
  if (adapter === undefined) return applyMethod(model, method, seed);
  note(options, "the adapter goes on with its own ranks, scalings and modules");
  const { dropout = 0 } = method.kind === "lora" ? method : {};
  return await loadAdapter(model, adapter, { dropout });
}

async function save(
  { model: base, output }: TrainOptions,
  model: Gpt2,
  adapter: LoraAdapter | undefined,
  log: TrainingLog,
): Promise<void> {
  if (adapter) await adapter.save(output, { baseModelName: base });
  else {
    await saveModel(model, output);
    await copySmallFiles(base, output);
  }
  await writeJsonAtomic(join(output, "log.json"), log);
}
