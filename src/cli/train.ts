/** `lowrank train`. @module */

import { type Command, Option } from "./commander.ts";
import { quantizedBaseOf } from "../adapt/adapter.ts";
import { type Adapter, loadAnyAdapter } from "../adapt/mod.ts";
import { prepareFolder } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { Interrupt, Interrupted } from "../core/interrupt.ts";
import { batchOrders } from "../data/mod.ts";
import type { Device } from "../device/mod.ts";
import { countTrainable, loadModel, type TextModel } from "../models/mod.ts";
import {
  applyMethod,
  type MethodSpec,
  type RunOptions,
  type RunSpec,
  type Trained,
} from "../runs/mod.ts";
import { trainingOptimizers } from "../train/mod.ts";
import {
  allowOption,
  baseDtypeOption,
  baseTypeOf,
  checkpointingOption,
  dtypeOption,
  finiteNumber,
  modelFolder,
  once,
  positiveNumber,
  shareOrFile,
  template,
  wholeNumber,
} from "./arguments.ts";
import {
  note,
  noteOtherBase,
  noteOtherForm,
  notePassed,
  openChosen,
  passedIn,
  printWritten,
} from "./common.ts";
import { addMethodOptions } from "./method.ts";
import { compilationOf, progressOf } from "./progress.ts";
import { rescue, saveTrained } from "./rescue.ts";
import { courseOf } from "./time_left.ts";
import { isChanged, nextOf, plan, stoppedText, summaryOf } from "./train_account.ts";
import { TrainFolder } from "./train_folder.ts";
import type { TrainOptions } from "./train_options.ts";
import { measuredOf, recordOf, type TrainedRecord } from "./train_record.ts";
import { readRequest, type TrainRequest } from "./train_request.ts";

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

--dtype is the type of the values in the file, of 4 bytes each (f32) or 2. The
training itself is in F32, and so is the held-out loss that it shows.

Ctrl-C stops after the current step and saves the values at the lowest held-out
loss so far, if it was measured since the start, or else the latest ones; the
same command continues after the last step. Once it is finished, the same
command changes nothing.

Files for --batches and --config, what the output folder holds, and signals:
docs/command_line.md.`;

/** Adds `train`, which trains an adapter or a whole model. */
export function addTrain(program: Command): void {
  const command = program.command("train").description("train an adapter or a whole model");
  addTrainOptions(command).addHelpText("after", help).action(run);
}

/** Adds the options of `train`, each combination of which is a training: `sweep` makes several. */
export function addTrainOptions(command: Command): Command {
  command.requiredOption("--model <folder>", "Hugging Face folder or GGUF file", modelFolder)
    .requiredOption("--output <folder>", "folder to write")
    .option("--data <file>", "texts to train on: .jsonl, .csv or .txt")
    .option("--epochs <n>", "passes over the texts (default: 10)", positiveNumber)
    .option(
      "--steps <n>",
      "steps, instead of passes (default: 10 passes, at least 200 steps, at most 1000 or one pass)",
      wholeNumber,
    )
    .option(
      "--learning-rate <x>",
      "size of a step (default: from the width and the scaling)",
      finiteNumber,
    )
    .option(
      "--lora-plus-ratio <x>",
      "LoRA+: the learning rate of B, as a multiple of that of A (default: one rate)",
      finiteNumber,
    )
    .addOption(
      new Option("--optimizer <name>", "AdamW with moments in F32 or 8 bits (default: adamw)")
        .choices(trainingOptimizers),
    )
    .option("--batch-size <n>", "texts in a step (default: 8)", positiveNumber)
    .option("--tokens-per-step <n>", "most tokens in a step, instead of texts", positiveNumber)
    .addOption(
      new Option(
        "--batch-order <order>",
        "which texts share a step (default: random; with --tokens-per-step like-length)",
      )
        .choices(batchOrders),
    )
    .option(
      "--validation <share>",
      "share of the texts to hold out, or a file (default: 0.1, at most 200 texts)",
      shareOrFile,
    )
    .option(
      "--patience <n>",
      "end after this many measurements without a lower held-out loss (default: 3)",
      positiveNumber,
    )
    .option(
      "--validate-every <n>",
      "steps between measurements of the held-out loss (default: a pass, at least 10 and at most 100)",
      positiveNumber,
    )
    .option(
      "--checkpoint-every <n>",
      "steps between checkpoints, from which a killed training resumes (default: 100)",
      positiveNumber,
    )
    .option("--prompt-template <text>", "around prompts: 'Q: {prompt}\\nA:'", template)
    .option("--adapter <folder>", "folder of an adapter to train further", once)
    .addOption(allowOption())
    .addOption(baseDtypeOption())
    .addOption(dtypeOption("f32, or that of --adapter"))
    .addOption(checkpointingOption());
  return addMethodOptions(command, "lora; full for batches if no lora option is given")
    .option("--config <file>", "JSON file with training settings")
    .option("--batches <file>", "JSON file with batches of token ids, instead of texts");
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
  for (const line of summaryOf(made, request)) note(options, line);
  report(options, made, `wrote ${afterSteps(spec, made)} to`);
  if (options.data && !options.json && isChanged(made)) note(options, nextOf(options, request));
}

function runOptionsOf(
  request: TrainRequest,
  options: TrainOptions,
  device: Device,
  interrupt: Interrupt,
  folder: TrainFolder,
): Omit<RunOptions, "folder"> {
  const { spec, batches, validation, newLabels: labels, checkpointEvery } = request;
  const { output } = options;
  const save = async (trained: Trained) => {
    let failure: RangeError | undefined;
    await folder.save(async () => {
      failure = await saveTrained(output, trained, spec.training.dtype);
    });
    if (failure) throw failure;
  };
  return {
    device,
    checkpointEvery,
    signal: interrupt.signal,
    openModel: () => loadModel(device, options.model, { labels, dtype: baseTypeOf(options) }),
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
    onRemoved: () => note(options, `${output} was removed: it is made again`),
    onProgress: progressOf(options, { ...courseOf(request), batches }),
    onCompile: compilationOf(options),
    measure: (model) => measuredOf(model, request),
    save,
    onCut: async (trained, failure) => {
      if (!(failure instanceof Interrupted)) throw await rescue(failure, { output, trained, save });
      const made = recordOf(trained.log, countTrainable(trained.model));
      if (made.steps > 0) await save(trained);
      report(options, made, stoppedText(spec, trained.log, failure), true);
    },
  };
}

/** The adapter to train, loaded or new; undefined for full fine-tuning. */
async function adapt(
  model: TextModel,
  method: MethodSpec,
  options: TrainOptions,
): Promise<Adapter | undefined> {
  const { adapter, seed } = options;
  if (adapter === undefined) return await applyMethod(model, method, seed, options.model);
  await noteOtherBase(options, options.model, [adapter]);
  await noteOtherForm(options, options.model, quantizedBaseOf(model), [adapter]);
  note(options, "the adapter keeps its own settings");
  const ofLora = method.kind === "lora" ? { dropout: method.dropout ?? 0 } : {};
  const loaded = await loadAnyAdapter(model, adapter, { ...ofLora, allow: options.allow });
  notePassed(options, adapter, passedIn(loaded));
  return loaded;
}

/** `the adapter after 3 steps`, `the adapter (F16) after 3 steps`. */
function afterSteps(
  { method, training: { dtype } }: Pick<RunSpec, "method" | "training">,
  made: TrainedRecord,
): string {
  const what = `${method.kind === "full" ? "model" : "adapter"}${dtype ? ` (${dtype})` : ""}`;
  return isChanged(made)
    ? `the ${what} after ${howMany(made.steps, "step")}`
    : `the unchanged ${what}`;
}

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
