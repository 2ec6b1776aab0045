/** `lowrank train`. @module */

import { join } from "node:path";
import type { Command } from "./commander.ts";
import { loadAdapter, type LoraAdapter } from "../adapt/mod.ts";
import {
  claimFolder,
  prepareFolder,
  removeFile,
  removeFolder,
  writeJsonAtomic,
} from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import type { Device } from "../device/mod.ts";
import { countTrainable, loadModel, saveModel, type TextModel } from "../models/mod.ts";
import {
  applyMethod,
  type MethodSpec,
  run as trainRun,
  runFiles,
  type RunOptions,
  type RunResult,
  type RunSpec,
  type Trained,
} from "../runs/mod.ts";
import { hasCheckpoint, type TrainingLog } from "../train/mod.ts";
import { modelFolder, once } from "./arguments.ts";
import { note, openChosen, printWritten } from "./common.ts";
import { Interrupt, Interrupted } from "./interrupt.ts";
import { addMethodOptions } from "./method.ts";
import { smallFilesOf } from "./model_folder.ts";
import { compilationOf, progressOf } from "./progress.ts";
import { rescue } from "./rescue.ts";
import { readRequest, type TrainOptions, type TrainRequest } from "./train_request.ts";

const help = `
Batches: {"batches": [BATCH, …]}. A batch is a list of equally long lists of
token ids, which are also the labels, or an object like a case of logits, with
"labels" (-100 is ignored). Batches are used in order, and again from the first
after the last.

Configuration: {"steps", "learningRate"} and optionally "betas", "epsilon",
"weightDecay", "schedule" (constant, linear or cosine), "warmupSteps",
"clipNorm" and "method", which is "full" or {"name": "lora", "rank", "alpha",
"sites" or "targetModules", "dropout", "rankStabilized", "rankPattern",
"alphaPattern"}. Command-line options take precedence over the file.

The output folder gets the adapter in PEFT's format, or the whole model, and
log.json with the loss, the learning rate and the norm of the gradient before
clipping at every step. If training fails, or Ctrl-C stops it (after the current
step), what was trained so far is written too. Checkpoints, one every 100 steps
and one at Ctrl-C, are kept in the subfolder "run" until training is finished:
run the same command again to resume from the last one. Once training has
finished, the same command starts again and replaces what the folder holds, and
checkpoints of other runs that were stopped in the same folder are removed.`;

/** Adds `train`, which trains an adapter or a whole model. */
export function addTrain(program: Command): void {
  const command = program.command("train").description("train an adapter or a whole model")
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .requiredOption("--batches <file>", "JSON file with batches of token ids")
    .requiredOption("--config <file>", "JSON file with training settings")
    .requiredOption("--output <folder>", "folder to write")
    .option("--adapter <folder>", "PEFT folder of an adapter to train further", once);
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(options: TrainOptions): Promise<void> {
  const request = await readRequest(options);
  using device = await openChosen(options);
  using interrupt = new Interrupt();
  const spec = { ...request.spec, device: device.kind };
  const { log, metrics } = await runOnce(spec, runOptionsOf(request, options, device, interrupt));
  report(options, spec, log, metrics.trainable as number, interrupt.signal.aborted);
  interrupt.throwIfStopped();
}

function runOptionsOf(
  { spec, batches, hintOf }: TrainRequest,
  options: TrainOptions,
  device: Device,
  interrupt: Interrupt,
): RunOptions {
  const { output } = options, save = (trained: Trained) => saveTrained(options, trained);
  return {
    folder: join(output, "run"),
    device,
    signal: interrupt.signal,
    openModel: () => loadModel(device, options.model),
    openBatches: () => batches,
    adapt: (model) => adapt(model, spec.method, options),
    onReady: async (model, steps) => {
      await prepareFolder(output);
      interrupt.listen();
      note(options, hintOf(countTrainable(model)));
      if (steps > 0) note(options, `resuming after step ${steps}`);
    },
    onProgress: progressOf(options, spec.training.steps),
    onCompile: compilationOf(options),
    measure: (model) => ({ trainable: countTrainable(model) }),
    save,
    onCut: async (trained, failure) => {
      if (!(failure instanceof Interrupted)) throw await rescue(failure, { output, trained, save });
      await save(trained);
      report(options, spec, trained.log, countTrainable(trained.model), true);
    },
  };
}

/**
 * A run whose folder is removed when it finishes, and keeps a checkpoint when it does not. The folder of
 * all runs is claimed: another training in it would lose its checkpoint, and the results of one of them.
 */
async function runOnce(spec: RunSpec, options: RunOptions): Promise<RunResult> {
  const { folder: runs } = options, { folder, checkpoint } = await runFiles(runs, spec);
  using claims = new DisposableStack();
  let isOurs = false;
  const onReady = async (model: TextModel, steps: number) => {
    await options.onReady?.(model, steps);
    claims.use(await claimFolder(runs));
    isOurs = true;
  };
  try {
    const result = await trainRun(spec, { ...options, onReady });
    await removeFolder(runs);
    return result;
  } catch (error) {
    if (isOurs && !await hasCheckpoint(checkpoint)) {
      await removeFolder(folder);
      await removeFile(runs); // Not removed if it still holds the checkpoint of another run.
    }
    throw error;
  }
}

/** The adapter to train, loaded or new; undefined for full fine-tuning. */
async function adapt(
  model: TextModel,
  method: MethodSpec,
  options: TrainOptions,
): Promise<LoraAdapter | undefined> {
  const { adapter, seed } = options;
  if (adapter === undefined) return applyMethod(model, method, seed);
  note(options, "the adapter keeps its own ranks, scalings and modules");
  const { dropout = 0 } = method.kind === "lora" ? method : {};
  return await loadAdapter(model, adapter, { dropout });
}

async function saveTrained(
  { model: base, output }: TrainOptions,
  { model, adapter, log }: Trained,
): Promise<void> {
  if (adapter) await adapter.save(output, { baseModelName: base });
  else await saveModel(model, output, "F32", await smallFilesOf(base));
  await writeJsonAtomic(join(output, "log.json"), log);
}

function report(
  options: TrainOptions,
  { method }: Pick<RunSpec, "method">,
  { loss }: TrainingLog,
  trainable: number,
  stopped: boolean,
): void {
  const { output } = options, steps = loss.length;
  printWritten(
    options,
    { steps, trainable, loss: loss.at(-1) ?? null, stopped, output },
    `wrote the ${method.kind === "full" ? "model" : "adapter"} after ${
      howMany(steps, "step")
    } to ${output}`,
  );
}
