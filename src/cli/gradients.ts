/** `lowrank gradients`. @module */

import type { Command } from "./commander.ts";
import { Tape } from "../autograd/mod.ts";
import { howMany } from "../core/how_many.ts";
import { writeSafetensors } from "../formats/mod.ts";
import { assertAllTrainable } from "../train/trainable_model.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  modelFolder,
  once,
} from "./arguments.ts";
import { countTargets, type ModelInputs } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { readCases } from "./cases.ts";
import { type CommonOptions, loadAdapted, note, openChosen, print } from "./common.ts";
import { gradientEntries } from "./gradient_entries.ts";
import { assertInputs, readFacts } from "./limits.ts";
import { type LabelKind, lossFor, targetsOf } from "./targets.ts";

interface GradientsOptions extends CommonOptions, AllowOption, BaseDtypeOption {
  readonly model: string;
  readonly adapter?: string;
  readonly input: string;
  readonly case: string;
  readonly output: string;
}

const help = `
The loss is the mean over all labels that are not -100. Labels are a list like
input_ids for a language model: a causal one predicts each at the position
before it, a masked one (BERT, RoBERTa, DeBERTa) in its place. A classifier
takes one class for each row, "labels": [2, 0]; one of a single label takes a
number for each row, and its loss is the mean squared error. The output has a
tensor grad.KEY for every trainable tensor KEY of the model's file, or of the
adapter's with --adapter.`;

/** Adds `gradients`, which computes the gradient of the loss for every trainable tensor. */
export function addGradients(program: Command): void {
  program.command("gradients").description(
    "compute the gradient of every trainable tensor for one case",
  )
    .requiredOption("--model <folder>", "Hugging Face folder or GGUF file", modelFolder)
    .option("--adapter <folder>", "folder of an adapter; only its tensors are then trainable", once)
    .addOption(allowOption())
    .addOption(baseDtypeOption())
    .requiredOption("--input <file>", "JSON file of cases as for logits, with labels")
    .requiredOption("--case <name>", "name of the case to use")
    .requiredOption("--output <file>", "safetensors file to write, in F32")
    .addHelpText("after", help)
    .action(run);
}

async function run(options: GradientsOptions): Promise<void> {
  const { inputs, targets, kind } = await labeledCase(options);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, adaptersOf(options), options);
  assertAllTrainable(loaded.model);
  using tape = new Tape(device);
  const outputs = loaded.model.forward(tape, inputs);
  const loss = lossFor(kind)(tape, outputs, targets, { divisor: countTargets(targets) });
  tape.backward(loss);
  const entries = await gradientEntries(tape, loaded, options);
  const [{ data: [value] }] = await device.read(loss);
  await writeSafetensors(options.output, entries);
  print(
    options,
    { loss: value },
    () => `loss ${value.toFixed(6)} ${units[kind] ?? "nats per token"}`,
  );
  note(options, `wrote ${howMany(entries.length, "gradient")} to ${options.output}`);
}

/** What the loss is counted in, if not in nats per token. */
const units: Partial<Record<LabelKind, string>> = {
  class: "nats per row",
  number: "of squares",
};

const adaptersOf = ({ adapter }: GradientsOptions) => adapter === undefined ? [] : [adapter];

/** What the chosen case asks, checked against the model. */
interface Asked {
  readonly inputs: ModelInputs;
  readonly targets: HostTensor;
  readonly kind: LabelKind;
}

async function labeledCase(options: GradientsOptions): Promise<Asked> {
  const { input, case: name, model } = options;
  const cases = await readCases(input), chosen = cases.get(name);
  if (!chosen) {
    throw new RangeError(`${input} has no case ${name}; it has ${[...cases.keys()].join(", ")}`);
  }
  const { labels, inputs } = chosen;
  if (!labels) {
    const others = [...cases].filter(([, { labels }]) => labels).map(([name]) => name);
    const rest = others.length > 0 ? `these do: ${others.join(", ")}` : "no case does";
    throw new RangeError(`gradients need labels: case ${name} in ${input} has none (${rest})`);
  }
  const facts = await readFacts(model, adaptersOf(options)), what = `case ${name}`;
  assertInputs(what, inputs, facts);
  return { inputs, targets: targetsOf(what, { inputs, labels }, facts), kind: facts.labelKind };
}
