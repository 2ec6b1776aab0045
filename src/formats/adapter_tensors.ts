/** Which of an adapter file's tensors is what. @module */

import { AdapterFileError } from "../core/errors.ts";
import { type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import { isNamed } from "../core/module_names.ts";
import { quote } from "../core/quote.ts";
import { formatShape, positionIn } from "../core/shape.ts";
import type { Exceptions } from "./adapter_exceptions.ts";
import { isTable, rowsKey, tensorPrefix } from "./adapter_weights.ts";
import type { PeftExtras, TrainedRows } from "./peft_extras.ts";
import type { SafetensorsFile } from "./safetensors.ts";

/** The names of an adapter's tensors, sorted by what they are. */
export interface TensorNames {
  /** Modules with factors, each once, in the order of layer numbers. */
  readonly modules: readonly string[];
  /** Tensors of modules that were trained in full. */
  readonly saved: readonly string[];
  /** Trained biases of the base model, as in the file: `….c_attn.base_layer.bias`. */
  readonly biases: readonly string[];
  /** Embeddings of which rows were trained, by their paths. */
  readonly embeddings: readonly string[];
  /** All that is no A and no B, in the order of the file, but for the frozen tables below adapted ones. */
  readonly beside: readonly string[];
}

const rowsEnding = rowsKey("").slice(tensorPrefix.length);

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
  const names = { module: [], saved: [], bias: [], rows: [] } as Record<Kind, string[]>;
  const beside: string[] = [];
  for (const key of file.tensors.keys()) {
    const name = key.startsWith(tensorPrefix) ? key.slice(tensorPrefix.length) : "";
    const kind = kindOf(name, extras);
    if (kind) names[kind].push(name);
    else exceptions.pass("unknownTensors", ruleFor(key), key);
    if (kind && !isFactor.test(name) && !isFrozenTable(name)) beside.push(name);
  }
  const modules = new Set(names.module.map((name) => partOf.exec(name)![1]));
  if (modules.size === 0) {
    throw new AdapterFileError("the file must hold at least one pair of A and B, found no tensor");
  }
  const embeddings = names.rows.map((name) => name.slice(0, -rowsEnding.length));
  const { saved, bias: biases } = names;
  return { modules: inOrder(modules), saved, biases, embeddings, beside };
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

type Kind = "module" | "saved" | "bias" | "rows";

const isFactor = /\.lora_([AB]\.weight|embedding_[AB])$/;

/** Whether it is the base's own table, which PEFT saves below an update of embeddings or of their head. */
const isFrozenTable = (name: string): boolean =>
  isTable(name) && name.endsWith(".base_layer.weight");

/** A part of a module's update, after the module's path. */
const partOf = /^(.+)\.lora_([AB]\.weight|B\.bias|magnitude_vector|embedding_[AB])$/;

/** What a tensor is, if the configuration explains it. */
function kindOf(name: string, extras: PeftExtras): Kind | undefined {
  const part = partOf.exec(name)?.[2], { dora, loraBias, bias, tokens } = extras;
  if (part) {
    const isKnown = part === "B.bias" ? loraBias : part === "magnitude_vector" ? dora : true;
    return isKnown ? "module" : undefined;
  }
  if (isOfSaved(name, extras)) return "saved";
  if (tokens && name.endsWith(rowsEnding)) return "rows";
  const isBias = bias !== "none" && name.endsWith(".bias") && !name.includes(".lora_");
  return isBias ? "bias" : undefined;
}

/** PEFT's rule: the path of a fully saved module ends with one of the names. */
function isOfSaved(tensor: string, { saved, withTables }: PeftExtras): boolean {
  if (tensor.includes(".lora_")) return false;
  return saved.some((name) => tensor.includes(`${name}.`)) || withTables && isTable(tensor);
}

/**
 * Reads the rows that stand in for those of embeddings.
 *
 * @throws {AdapterFileError} when the configuration does not say of which tokens.
 */
export async function readRows(
  file: SafetensorsFile,
  embeddings: readonly string[],
  { tokens = [] }: PeftExtras,
  exceptions: Exceptions,
): Promise<Map<string, TrainedRows>> {
  const rows = new Map<string, TrainedRows>();
  for (const module of embeddings) {
    const indices = isList(tokens) ? tokens : entryFor(tokens, module);
    if (!indices) {
      throw new AdapterFileError(
        `trainable_token_indices must name ${quote(module)}, found ${quote(Object.keys(tokens))}`,
      );
    }
    assertRows(file, rowsKey(module), indices.length);
    rows.set(module, { indices, values: await readFinite(file, rowsKey(module), exceptions) });
  }
  return rows;
}

function assertRows(file: SafetensorsFile, key: string, rows: number): void {
  const { shape } = file.tensors.get(key)!;
  if (shape.length === 2 && shape[0] === rows) return;
  throw new AdapterFileError(
    `${quote(key)} must have shape (${rows}, width), a row for each of the trained tokens, found ${
      formatShape(shape)
    }`,
  );
}

const isList = (tokens: unknown): tokens is readonly number[] => Array.isArray(tokens);

const entryFor = (tokens: Readonly<Record<string, readonly number[]>>, module: string) =>
  Object.entries(tokens).find(([name]) => isNamed(module, name))?.[1];

/** Layers in the order of their numbers: `h.2` before `h.10`. */
const inOrder = (names: Iterable<string>): string[] =>
  Array.from(names, (name) => ({ name, key: name.replaceAll(/\d+/g, (n) => n.padStart(9, "0")) }))
    .sort((a, b) => a.key < b.key ? -1 : Number(a.key > b.key))
    .map(({ name }) => name);

function ruleFor(key: string): string {
  if (!key.startsWith(tensorPrefix)) return `tensor names must begin with "${tensorPrefix}"`;
  if (key.endsWith(rowsEnding)) {
    return "trained tokens need withSaved: true, and trainable_token_indices in the configuration";
  }
  if (/\.lora_B\.bias$/.test(key)) {
    return "biases of B need withSaved: true, and lora_bias in the configuration";
  }
  if (/\.lora_magnitude_vector/.test(key)) {
    return "magnitudes of DoRA need use_dora in the configuration";
  }
  return "every tensor must be some module's lora_A.weight or lora_B.weight";
}
