/** `lowrank gradients`. @module */

import type { Command } from "./commander.ts";
import { crossEntropy, Tape } from "../autograd/mod.ts";
import { howMany } from "../core/how_many.ts";
import { writeSafetensors } from "../formats/mod.ts";
import { type AllowOption, allowOption, modelFolder, once } from "./arguments.ts";
import { type Case, readCases, shiftLabels } from "./cases.ts";
import { type CommonOptions, loadAdapted, note, openChosen, print } from "./common.ts";
import { gradientEntries } from "./gradient_entries.ts";
import { assertInputs, assertLabels, readInputLimits } from "./limits.ts";

interface GradientsOptions extends CommonOptions, AllowOption {
  readonly model: string;
  readonly adapter?: string;
  readonly input: string;
  readonly case: string;
  readonly output: string;
}

const help = `
The loss is the mean over all labels that are not -100; each label is predicted
at the position before it. The output has a tensor grad.KEY for every trainable
tensor KEY of the model's file, or of the adapter's with --adapter.`;

/** Adds `gradients`, which computes the gradient of the loss for every trainable tensor. */
export function addGradients(program: Command): void {
  program.command("gradients").description(
    "compute the gradient of every trainable tensor for one case",
  )
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .option("--adapter <folder>", "PEFT folder; only its tensors are then trainable", once)
    .addOption(allowOption())
    .requiredOption("--input <file>", "JSON file of cases as for logits, with labels")
    .requiredOption("--case <name>", "name of the case to use")
    .requiredOption("--output <file>", "safetensors file to write, in F32")
    .addHelpText("after", help)
    .action(run);
}

async function run(options: GradientsOptions): Promise<void> {
  const { labels, inputs } = await labeledCase(options);
  using device = await openChosen(options);
  const folders = options.adapter === undefined ? [] : [options.adapter];
  using loaded = await loadAdapted(device, options.model, folders, options);
  using tape = new Tape(device);
  const logits = loaded.model.forward(tape, inputs);
  const loss = crossEntropy(tape, logits, shiftLabels(labels).data);
  tape.backward(loss);
  const entries = await gradientEntries(tape, loaded, options);
  const [{ data: [value] }] = await device.read(loss);
  await writeSafetensors(options.output, entries);
  print(options, { loss: value }, () => `loss ${value.toFixed(6)} nats per token`);
  note(options, `wrote ${howMany(entries.length, "gradient")} to ${options.output}`);
}

type Labeled = Case & Required<Pick<Case, "labels">>;

/** The chosen case, checked against the model. */
async function labeledCase({ input, case: name, model }: GradientsOptions): Promise<Labeled> {
  const cases = await readCases(input), chosen = cases.get(name);
  if (!chosen) {
    throw new RangeError(`${input} has no case ${name}; it has ${[...cases.keys()].join(", ")}`);
  }
  const { labels } = chosen;
  if (!labels) {
    const others = [...cases].filter(([, { labels }]) => labels).map(([name]) => name);
    const rest = others.length > 0 ? `these do: ${others.join(", ")}` : "no case does";
    throw new RangeError(`gradients need labels: case ${name} in ${input} has none (${rest})`);
  }
  const config = await readInputLimits(model);
  assertInputs(`case ${name}`, chosen.inputs, config);
  assertLabels(`case ${name}`, labels, config);
  return { ...chosen, labels };
}
