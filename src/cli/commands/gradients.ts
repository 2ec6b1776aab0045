/** `lowrank gradients`. @module */

import { join } from "node:path";
import { type Adapter, LoraAdapter } from "../../adapt/mod.ts";
import { type Parameter, Tape } from "../../autograd/mod.ts";
import { countTargets, type ModelInputs } from "../../core/batch.ts";
import { howMany } from "../../core/numbers.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { joinUpdates, openSafetensors, writeSafetensors } from "../../formats/mod.ts";
import { factorKeys, ownKey } from "../../formats/peft/keys.ts";
import { weightsFileIn } from "../../formats/peft/read.ts";
import { reorient, transpose } from "../../models/layers.ts";
import type { TextModel } from "../../models/mod.ts";
import { Embedding } from "../../nn/embedding.ts";
import { assertAllTrainable } from "../../train/trainer.ts";
import {
  assertInputs,
  type LabelKind,
  lossFor,
  readCases,
  readFacts,
  targetsOf,
} from "../cases.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import { type CommonOptions, loadAdapted, note, openChosen, print } from "../common.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  modelFolder,
  once,
} from "../options.ts";

type Entry = readonly [key: string, values: HostTensor];

/** The folders that the tensors came from. */
export interface Origins {
  /** The model's folder. */
  readonly model: string;
  /** The adapter's folder, if there is one. */
  readonly adapter?: string;
}

/** `grad.KEY` for every trainable tensor, with the shape and the key that it has in its file. */
export async function gradientEntries(
  tape: Tape,
  { model, adapters }: { readonly model: TextModel; readonly adapters: readonly Adapter[] },
  origins: Origins,
): Promise<Entry[]> {
  const parameters = model.trainable();
  const reached = parameters.filter((parameter) => tape.gradientOf(parameter));
  const tensors = reached.map((parameter) => tape.gradientOf(parameter)!);
  const values = await tape.device.read(...tensors);
  const gradients = new Map([
    ...parameters.map((parameter) => [parameter, zerosOf(parameter)] as const),
    ...reached.map((parameter, i) => [parameter, values[i]] as const),
  ]);
  const [adapter] = adapters;
  const entries = adapter ? adapterEntries(adapter, gradients) : modelEntries(model, gradients);
  const keys = await fileKeys(origins);
  const { trunk } = model.architecture;
  return entries.map(([name, values]) => [`grad.${keyIn(keys, name, trunk)}`, values]);
}

/** The gradient of what the loss does not depend on. */
const zerosOf = ({ shape, size }: Parameter): HostTensor => ({
  shape,
  data: new Float32Array(size),
});

type Gradients = ReadonlyMap<Parameter, HostTensor>;

function modelEntries({ architecture, parameters }: TextModel, gradients: Gradients): Entry[] {
  return architecture.tensors.flatMap((spec) => {
    const values = gradients.get(parameters.get(spec.name)!);
    return values ? [[spec.name, reorient(spec, values)] as const] : [];
  });
}

/** All sites of one layer are one pair of tensors in the file, of which a frozen A has no gradient. */
function adapterEntries(adapter: Adapter, gradients: Gradients): Entry[] {
  if (!(adapter instanceof LoraAdapter)) {
    return adapter.parameters.map((one) => [one.name, gradients.get(one)!]);
  }
  const { sites, modules, biases, tokens } = adapter;
  const linears = [...new Set(sites.map(({ linear }) => linear))];
  const adapted = new Set(linears.map(({ name }) => name));
  const vectors = sites.flatMap(({ tensors }) => tensors.slice(2));
  const own = [...modules.parameters, ...biases.parameters];
  const others = [
    ...tokens.parameters.map((one) => [one.name, gradients.get(one)!] as const),
    ...vectors.map((one) => [one.name, gradients.get(one)!] as const),
    ...own.map((one) => [ownKey(one.name, adapted), gradients.get(one)!] as const),
  ];
  const factors = linears.flatMap((linear) => {
    const { A, B } = joined(sites.filter((site) => site.linear === linear), gradients);
    const [keyA, keyB] = factorKeys(linear.name, linear instanceof Embedding);
    const isFrozen = sites.some((site) => site.linear === linear && !site.A.trainable);
    const both: Entry[] = [[keyA, A], [keyB, B]];
    return isFrozen ? both.slice(1) : both;
  });
  return [...factors, ...others];
}

function joined(sites: LoraAdapter["sites"], gradients: Gradients) {
  return joinUpdates(sites.map(({ A, B, linear, rows }) => {
    const [module, outputs] = [linear.name, linear.extents[0]],
      own = gradients.get(A) ?? zerosOf(A);
    const ofA = linear instanceof Embedding ? transpose(own) : own;
    return { module, rows, outputs, A: ofA, B: gradients.get(B)!, scaling: 1 };
  }));
}

async function fileKeys({ model, adapter }: Origins): Promise<ReadonlySet<string>> {
  const path = adapter === undefined ? model : join(adapter, await weightsFileIn(adapter));
  using file = await openSafetensors(path);
  return new Set(file.tensors.keys());
}

/** Files name tensors with or without the trunk's prefix. */
function keyIn(keys: ReadonlySet<string>, name: string, trunk: string): string {
  const bare = name.replace(trunk, "");
  return keys.has(name) || !keys.has(bare) ? name : bare;
}

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

/** Computes the gradient of the loss for every trainable tensor. */
export const gradientsCommand: LowrankCommand = {
  name: "gradients",
  summary: "compute the gradient of every trainable tensor for one case",
  options: [
    required("--model <folder>", "Hugging Face folder or GGUF file", modelFolder),
    option("--adapter <folder>", "folder of an adapter; only its tensors are then trainable", once),
    allowOption(),
    baseDtypeOption(),
    required("--input <file>", "JSON file of cases as for logits, with labels"),
    required("--case <name>", "name of the case to use"),
    required("--output <file>", "safetensors file to write, in F32"),
  ],
  uses: ["--device"],
  permissions: ["read", "write", "device"],
  help,
  example: "gradients --model base --input in.json --case a --output g.safetensors",
  run,
};

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

/** Units of the loss, where it is not in nats per token. */
const units: Partial<Record<LabelKind, string>> = {
  class: "nats per row",
  number: "of squares",
};

const adaptersOf = ({ adapter }: GradientsOptions) => adapter === undefined ? [] : [adapter];

/** The chosen case, checked against the model. */
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
