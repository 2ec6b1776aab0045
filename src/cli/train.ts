/** `lowrank train`. @module */

import { join } from "node:path";
import type { Command } from "./commander.ts";
import { loadAdapter, type LoraAdapter } from "../adapt/mod.ts";
import { prepareFolder, writeJsonAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { Interrupt, Interrupted } from "../core/interrupt.ts";
import type { Device } from "../device/mod.ts";
import { countTrainable, loadModel, saveModel, type TextModel } from "../models/mod.ts";
import {
  applyMethod,
  type MethodSpec,
  type RunOptions,
  type RunSpec,
  type Trained,
} from "../runs/mod.ts";
import {
  finiteNumber,
  modelFolder,
  once,
  positiveNumber,
  shareOrFile,
  template,
  wholeNumber,
} from "./arguments.ts";
import { note, openChosen, printWritten } from "./common.ts";
import { addMethodOptions } from "./method.ts";
import { compilationOf, progressOf } from "./progress.ts";
import { rescue } from "./rescue.ts";
import { nextOf, plan, summaryOf } from "./train_account.ts";
import { recordOf, type TrainedRecord, TrainFolder } from "./train_folder.ts";
import { readRequest, type TrainOptions, type TrainRequest } from "./train_request.ts";

const help = `
From text to an adapter, and back to text:
  lowrank train --model models/tiny-gpt2 --data mine.txt --output out
  lowrank generate --model models/tiny-gpt2 --adapter out --prompt "Once"
  lowrank evaluate --model models/tiny-gpt2 --adapter out --data more.txt

Texts: .jsonl or .csv with the fields prompt and completion (the completions
are learned), text and label (a classifier is trained), or text; .txt with a
text in each line or, where blank lines separate paragraphs of at most 20 lines
on average, in each paragraph. A part is held out. Its loss is measured while
training, the values at which it was lowest are kept, and training ends early
when it no longer falls.

To train longer, give more --epochs or --steps and another --output, or begin
with what is there: --adapter OLD --output NEW.

Batches: {"batches": [BATCH, …]}, as {"batches": [[[5, 6, 7]]]}. A batch is a
list of equally long lists of token ids, which are also the labels, or an object
like a case of logits, with "labels" (-100 is ignored). Batches are used in
order, and again from the first after the last.

Configuration: {"steps", "learningRate", "betas", "epsilon", "weightDecay",
"schedule" (constant, linear or cosine), "warmupSteps", "clipNorm", "method"},
where the method is "full" or {"name": "lora", "rank", "alpha", "sites" or
"targetModules", "dropout", "rankStabilized", "rankPattern", "alphaPattern"}.
Command-line options take precedence over the file. For batches of token ids,
steps and learning rate must be given.

The output folder gets the adapter in PEFT's format, or the whole model, and
log.json with the loss, the learning rate and the norm of the gradient before
clipping at every step, and the held-out losses; run.json, written last, says
how they were made. The same command again then changes nothing, and any other
training is refused in a folder that holds weights which it has not made, and so
is this one if they were changed or replaced.

If training fails, or Ctrl-C, SIGTERM or SIGHUP stops it (after the current
step), what was trained so far is written too. Checkpoints, one every 100 steps
and one at a stop, are kept in the subfolder "run" until training is finished:
run the same command again to resume from the last one. nohup does not keep
SIGHUP away; setsid does. The exit code is 0, 1 after an error, and 130, 143 or
129 after a signal.`;

/** Adds `train`, which trains an adapter or a whole model. */
export function addTrain(program: Command): void {
  const command = program.command("train").description("train an adapter or a whole model")
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .requiredOption("--output <folder>", "folder to write")
    .option("--data <file>", "texts to train on: .jsonl, .csv or .txt")
    .option("--batches <file>", "JSON file with batches of token ids, instead of texts")
    .option("--config <file>", "JSON file with training settings")
    .option("--adapter <folder>", "PEFT folder of an adapter to train further", once)
    .option("--learning-rate <x>", "size of a step (default: by width and scaling)", finiteNumber)
    .option("--epochs <n>", "passes over the texts (default: 10)", positiveNumber)
    .option("--steps <n>", "steps, instead of passes (default: 200 to 1000)", wholeNumber)
    .option("--batch-size <n>", "texts in a step (default: 8)", positiveNumber)
    .option(
      "--validation <share>",
      "share of the texts to hold out, or a file (default: 0.1, at most 200 texts)",
      shareOrFile,
    )
    .option(
      "--patience <n>",
      "measurements of the held-out loss that may bring nothing (default: 3)",
      positiveNumber,
    )
    .option("--prompt-template <text>", "around prompts: 'Q: {prompt}\\nA:'", template);
  addMethodOptions(command, "lora for texts, or if a lora option is given, else full").addHelpText(
    "after",
    help,
  ).action(run);
}

async function run(options: TrainOptions): Promise<void> {
  const request = await readRequest(options);
  using device = await openChosen(options);
  using interrupt = new Interrupt();
  const spec = { ...request.spec, device: device.kind };
  using folder = await TrainFolder.open(options.output, spec);
  const before = await folder.finished();
  if (before) return report(options, before, `already trained: ${afterSteps(spec, before)} is in`);
  await folder.assertFree();
  const made = await folder.train(runOptionsOf(request, options, device, interrupt, folder));
  const unit = request.labels ? "text" : "token";
  for (const line of summaryOf(made, spec.training, unit)) note(options, line);
  report(options, made, `wrote ${afterSteps(spec, made)} to`);
  if (options.data && !options.json) note(options, nextOf(options, request));
}

function runOptionsOf(
  request: TrainRequest,
  options: TrainOptions,
  device: Device,
  interrupt: Interrupt,
  folder: TrainFolder,
): Omit<RunOptions, "folder"> {
  const { spec, batches, validation, newLabels: labels } = request, { output } = options;
  const save = (trained: Trained) => folder.save(() => saveTrained(options, trained));
  return {
    device,
    signal: interrupt.signal,
    openModel: () => loadModel(device, options.model, { labels }),
    openBatches: () => batches,
    openValidation: () => validation,
    adapt: (model) => adapt(model, spec.method, options),
    onReady: async (model, steps) => {
      await prepareFolder(output);
      interrupt.listen();
      const { unappliedDropout: unapplied = [] } = model;
      const lines = [...request.notes, plan(model, request), unapplied].flat();
      for (const line of lines) note(options, line);
      if (steps > 0) note(options, `resuming after step ${steps}`);
    },
    onProgress: progressOf(options, { steps: spec.training.steps, batches }),
    onCompile: compilationOf(options),
    measure: (model) => ({ trainable: countTrainable(model) }),
    save,
    onCut: async (trained, failure) => {
      if (!(failure instanceof Interrupted)) throw await rescue(failure, { output, trained, save });
      const made = recordOf(trained.log, countTrainable(trained.model));
      if (made.steps > 0) await save(trained);
      reportStopped(options, spec, made, failure);
    },
  };
}

/** Says where is what was trained until a signal came, and how to resume. */
function reportStopped(
  options: TrainOptions,
  spec: TrainRequest["spec"],
  made: TrainedRecord,
  { message }: Interrupted,
): void {
  if (made.steps === 0) {
    return report(options, made, `${message} before the first step: nothing was written to`, true);
  }
  const at = `after step ${made.steps} of ${spec.training.steps}`;
  const what =
    `${message} ${at}: run the same command again to resume; what was learned so far is in`;
  report(options, made, what, true);
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
  { output }: TrainOptions,
  { model, adapter, log }: Trained,
): Promise<void> {
  if (adapter) await adapter.save(output);
  else await saveModel(model, output, "F32");
  await writeJsonAtomic(join(output, "log.json"), log);
}

/** `the adapter after 3 steps`. */
const afterSteps = ({ method }: Pick<RunSpec, "method">, { steps }: TrainedRecord): string =>
  `the ${method.kind === "full" ? "model" : "adapter"} after ${howMany(steps, "step")}`;

/** Prints what was made; the text ends before the output folder. */
function report(
  options: TrainOptions,
  made: TrainedRecord,
  text: string,
  stopped = false,
): void {
  const { output } = options;
  printWritten(options, { ...made, stopped, output }, `${text} ${output}`);
}
