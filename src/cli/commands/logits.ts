/** `lowrank logits`. @module */

import { merge } from "../../adapt/mod.ts";
import { Tape } from "../../autograd/mod.ts";
import { howMany } from "../../core/numbers.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { writeSafetensors } from "../../formats/mod.ts";
import type { ModelInputs, TextModel } from "../../models/mod.ts";
import { assertInputs, readCases, readFacts } from "../cases.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import { type CommonOptions, loadAdapted, openChosen, printWritten } from "../common.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  collect,
  modelFolder,
} from "../options.ts";

interface LogitsOptions extends CommonOptions, AllowOption, BaseDtypeOption {
  readonly model: string;
  readonly adapter?: string[];
  readonly merge?: boolean;
  readonly input: string;
  readonly output: string;
}

const help = `
Input: {"cases": {NAME: {"input_ids": [[…], …], …}}}. A case may also have
"attention_mask", "position_ids" and "token_type_ids"; other keys are ignored.
The output has a tensor logits.NAME of shape (batch, time, vocabulary) for every
case, or (batch, classes) from a classifier.`;

/** Computes a model's logits for the cases in a file. */
export const logitsCommand: LowrankCommand = {
  name: "logits",
  summary: "compute a model's logits for the cases in a file",
  options: [
    required("--model <folder>", "Hugging Face folder or GGUF file", modelFolder),
    option("--adapter <folder>", "folder of an adapter; repeat to add several", collect),
    allowOption(),
    option("--merge", "merge the adapters into the weights first"),
    baseDtypeOption(),
    required("--input <file>", "JSON file of cases"),
    required("--output <file>", "safetensors file to write, in F32"),
  ],
  uses: ["--device"],
  permissions: ["read", "write", "device"],
  help,
  example: "logits --model base --input in.json --output out.safetensors",
  run,
};

async function run(options: LogitsOptions): Promise<void> {
  const { adapter, output } = options, cases = await readCases(options.input);
  if (options.merge && !adapter) throw new RangeError("--merge needs an --adapter to merge");
  const config = await readFacts(options.model);
  for (const [name, content] of cases) assertInputs(`case ${name}`, content.inputs, config);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, adapter, options);
  using merged = options.merge ? merge(loaded.model, loaded.adapters) : undefined;
  const entries: [string, HostTensor][] = [];
  for (const [name, content] of cases) {
    entries.push([`logits.${name}`, await logitsOf(merged ?? loaded.model, content.inputs)]);
  }
  await writeSafetensors(output, entries);
  const text = `wrote the logits of ${howMany(cases.size, "case")} to ${output}`;
  printWritten(options, { cases: [...cases.keys()], output }, text);
}

async function logitsOf(model: TextModel, inputs: ModelInputs): Promise<HostTensor> {
  using tape = new Tape(model.device, { record: false });
  const [logits] = await model.device.read(model.forward(tape, inputs));
  const [, width] = logits.shape, { shape } = inputs.tokens;
  const isPerToken = model.architecture.head !== "classes";
  return { shape: [...isPerToken ? shape : shape.slice(0, 1), width], data: logits.data };
}
