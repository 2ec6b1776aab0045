/** Which of an adapter file's tensors is what. @module */

import { AdapterFileError } from "../core/errors.ts";
import { type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import { quote } from "../core/quote.ts";
import { formatShape, positionIn } from "../core/shape.ts";
import type { Exceptions } from "./adapter_exceptions.ts";
import { tensorPrefix } from "./adapter_weights.ts";
import type { PeftExtras } from "./peft_extras.ts";
import type { SafetensorsFile } from "./safetensors.ts";

/** The names of an adapter's tensors, sorted by what they are. */
export interface TensorNames {
  /** Modules with factors, each once, in the order of layer numbers. */
  readonly modules: readonly string[];
  /** Tensors of modules that were trained in full. */
  readonly saved: readonly string[];
  /** Trained biases of the base model, as in the file: `….c_attn.base_layer.bias`. */
  readonly biases: readonly string[];
}

/**
 * Sorts the tensors of a file.
 *
 * @throws {AdapterFileError} when a name is none that the configuration explains, or there is no module.
 */
export function sortTensors(
  file: SafetensorsFile,
  extras: PeftExtras,
  exceptions: Exceptions,
): TensorNames {
  const modules = new Set<string>(), saved: string[] = [], biases: string[] = [];
  for (const key of file.tensors.keys()) {
    const name = key.startsWith(tensorPrefix) ? key.slice(tensorPrefix.length) : undefined;
    const module = name && moduleWith(name, extras);
    if (module) modules.add(module);
    else if (name && isOfSaved(name, extras.saved)) saved.push(name);
    else if (name && isBias(name, extras)) biases.push(name);
    else exceptions.pass("unknownTensors", ruleFor(key), key);
  }
  if (modules.size === 0) {
    throw new AdapterFileError("the file must hold at least one pair of A and B, found no tensor");
  }
  return { modules: inOrder(modules), saved, biases };
}

/** Reads tensors by their names without PEFT's prefix; those of adapted layers get the model's names. */
export async function readNamed(
  file: SafetensorsFile,
  names: readonly string[],
  exceptions: Exceptions,
): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const name of names) {
    const tensor = await readFinite(file, tensorPrefix + name, exceptions);
    tensors.set(name.replace(/\.base_layer(?=\.[^.]+$)/, ""), tensor);
  }
  return tensors;
}

/** Reads a tensor; values that are not finite stop it, unless they may pass. */
export async function readFinite(
  file: SafetensorsFile,
  key: string,
  exceptions: Exceptions,
): Promise<HostTensor> {
  const tensor = await file.read(key), { shape, data } = tensor, at = nonFiniteAt(data);
  if (at >= 0) {
    const found = `${data[at]} at ${formatShape(positionIn(shape, at))}`;
    exceptions.pass("nonFinite", `the values of ${quote(key)} must be finite in F32`, key, found);
  }
  return tensor;
}

/** The module whose update a tensor is a part of. */
function moduleWith(name: string, { dora, loraBias }: PeftExtras): string | undefined {
  const [, module, part] = /^(.+)\.lora_([AB]\.weight|B\.bias|magnitude_vector)$/.exec(name) ?? [];
  const isKnown = part === "B.bias" ? loraBias : part === "magnitude_vector" ? dora : true;
  return isKnown ? module : undefined;
}

/** PEFT's rule: the path of a fully saved module ends with one of the names. */
function isOfSaved(tensor: string, saved: readonly string[]): boolean {
  return !tensor.includes(".lora_") && saved.some((name) => tensor.includes(`${name}.`));
}

const isBias = (tensor: string, { bias }: PeftExtras): boolean =>
  bias !== "none" && tensor.endsWith(".bias") && !tensor.includes(".lora_");

/** Layers in the order of their numbers: `h.2` before `h.10`. */
const inOrder = (names: Iterable<string>): string[] =>
  Array.from(names, (name) => ({ name, key: name.replaceAll(/\d+/g, (n) => n.padStart(9, "0")) }))
    .sort((a, b) => a.key < b.key ? -1 : Number(a.key > b.key))
    .map(({ name }) => name);

function ruleFor(key: string): string {
  if (!key.startsWith(tensorPrefix)) return `tensor names must begin with "${tensorPrefix}"`;
  if (/\.lora_embedding_[AB]$/.test(key)) return "adapters of embeddings are not implemented";
  if (/\.lora_B\.bias$/.test(key)) {
    return "biases of B need withSaved: true, and lora_bias in the configuration";
  }
  if (/\.lora_magnitude_vector/.test(key)) {
    return "DoRA needs withSaved: true, and use_dora in the configuration";
  }
  return "every tensor must be some module's lora_A.weight or lora_B.weight";
}
