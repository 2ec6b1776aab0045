/** Gradients, named as their tensors are in files. @module */

import { join } from "node:path";
import { type Adapter, LoraAdapter } from "../adapt/mod.ts";
import { factorKeys, ownKey, weightsFileIn } from "../formats/adapter_weights.ts";
import type { Parameter, Tape } from "../autograd/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { joinUpdates, openSafetensors } from "../formats/mod.ts";
import { reorient, transpose } from "../models/transpose.ts";
import { Embedding } from "../nn/embedding.ts";
import type { TextModel } from "../models/mod.ts";

type Entry = readonly [key: string, values: HostTensor];

/** Where the tensors came from. */
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

/** All sites of one layer are one pair of tensors in the file. */
function adapterEntries(adapter: Adapter, gradients: Gradients): Entry[] {
  if (!(adapter instanceof LoraAdapter)) {
    return adapter.parameters.map((one) => [one.name, gradients.get(one)!]);
  }
  const { sites, modules, biases, tokens } = adapter;
  const linears = [...new Set(sites.map(({ linear }) => linear))];
  const adapted = new Set(linears.map(({ name }) => name));
  const vectors = sites.flatMap(({ parameters }) => parameters.slice(2));
  const own = [...modules.parameters, ...biases.parameters];
  const others = [
    ...tokens.parameters.map((one) => [one.name, gradients.get(one)!] as const),
    ...vectors.map((one) => [one.name, gradients.get(one)!] as const),
    ...own.map((one) => [ownKey(one.name, adapted), gradients.get(one)!] as const),
  ];
  const factors = linears.flatMap((linear) => {
    const { A, B } = joined(sites.filter((site) => site.linear === linear), gradients);
    const [keyA, keyB] = factorKeys(linear.name, linear instanceof Embedding);
    return [[keyA, A], [keyB, B]] as Entry[];
  });
  return [...factors, ...others];
}

function joined(sites: LoraAdapter["sites"], gradients: Gradients) {
  return joinUpdates(sites.map(({ A, B, linear, rows }) => {
    const [module, outputs] = [linear.name, linear.extents[0]], own = gradients.get(A)!;
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
