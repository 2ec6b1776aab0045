/** Quantizing the linear layers of a model's files. @module */

import { type LinearSpec, storedShape } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf, fourBitTensors } from "../architectures/registry.ts";
import { assertOptions, isRecord } from "../core/checks.ts";
import { oneLine, ShapeError } from "../core/errors.ts";
import { anyFloatDtype, floatTypes, isFloatDtype } from "../core/float_types.ts";
import { moduleOf } from "../core/module_names.ts";
import { formatShape, sameShape, sizeOf } from "../core/tensor.ts";
import { assertNoOtherKind } from "../formats/folder_kind.ts";
import { assertOwnConfig, configMetadata } from "../formats/peft/metadata.ts";
import { quantizedEntries } from "../formats/four_bit.ts";
import { bitsOf, type Dtype, type EncodedTensor } from "../formats/safetensors/header.ts";
import { copiedTensor } from "../formats/safetensors/read.ts";
import {
  isSharded,
  parseWeightMap,
  shardFilesIn,
  shardIndex,
} from "../formats/safetensors/shards.ts";
import { safetensorsFile } from "../formats/safetensors/write.ts";
import { dequantize, quantize, type QuantizeOptions } from "../quant/quantize.ts";
import { jsonText, readBytes, readJson } from "../storage/files.ts";
import { type FolderFile, saveFolder } from "../storage/folder.ts";
import { fileIn, pathIn } from "../storage/storage.ts";
import { type BaseFile, openBase, tiedHeadOf } from "./base_file.ts";
import { readSmallFiles, smallFiles } from "./files.ts";
import { transpose } from "./layers.ts";
import { familyOf, mathematicsOfModel } from "./registry.ts";
import { ownerIn } from "./storage/forms.ts";
import { withQuantization } from "./storage/four_bit.ts";

/** Parts of a new folder that differ from its base's. */
export interface DerivedModel {
  /** Its tensors, by their names. */
  readonly tensors: ReadonlyMap<string, EncodedTensor>;
  /** Its configuration; the base's file is copied byte for byte where it is the base's. */
  readonly config: ConfigJson;
  /** Entries that the weights' metadata have in addition to the base's. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The tokenizer's files and the settings of generation. */
  readonly small: Readonly<Record<string, Uint8Array | string>>;
}

/** A file of weights that is to be written, with the tensors that it has. */
interface WeightsFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, EncodedTensor>;
}

/**
 * Saves a Hugging Face folder as a whole, in shards like the base's, with the digest of its configuration.
 *
 * @param placeOf The name in the base's files of the tensor beside which one is stored. Default: its own.
 * @throws {RangeError} when the base's weights were saved with another configuration.
 * @throws {Error} when the folder cannot be written; the older files are as before.
 */
export async function saveDerived(
  base: BaseFile,
  output: string,
  model: DerivedModel,
  placeOf: (name: string) => string = (name) => name,
): Promise<void> {
  const metadata = { ...await metadataOf(base, model.config), ...model.metadata };
  const files = await weightsFiles(base, model, placeOf);
  const contents = [
    ...files.map(({ name, tensors }) =>
      safetensorsFile(pathIn(output, name), tensors, { metadata })
    ),
    ...await indexFile(base, files),
    ...Object.entries(model.small).map(([name, content]): FolderFile => ({ name, content })),
    ...await configFile(base, model),
  ];
  const names = new Set(contents.map(({ name }) => name));
  await saveFolder(output, contents, async () => {
    const old = [...smallFiles, "model.safetensors", ...await shardFilesIn(output)];
    return old.filter((name) => !names.has(name));
  });
}

/** Bytes of tensors in a file, without its header. */
const bytesIn = (tensors: Iterable<EncodedTensor>): number =>
  Array.from(tensors, ({ shape, dtype }) => sizeOf(shape) * bitsOf(dtype) / 8)
    .reduce((sum, bytes) => sum + bytes, 0);

/** The tensors by the files of the base; what it has not is in the last one. */
async function weightsFiles(
  { folder }: BaseFile,
  { tensors }: DerivedModel,
  placeOf: (name: string) => string,
): Promise<WeightsFile[]> {
  const isWhole = !await isSharded(folder), index = fileIn(folder, shardIndex);
  const { places, shards } = isWhole
    ? { places: new Map<string, string>(), shards: ["model.safetensors"] }
    : parseWeightMap(shardIndex, await readJson(index));
  const byFile = Map.groupBy(tensors, ([key]) => places.get(placeOf(key)) ?? shards.at(-1)!);
  return Array.from(byFile, ([name, tensors]) => ({ name, tensors: new Map(tensors) }));
}

/** The index of a sharded base, with the sizes and the tensors of the new model. */
async function indexFile(
  { folder }: BaseFile,
  files: readonly WeightsFile[],
): Promise<FolderFile[]> {
  if (!await isSharded(folder)) return [];
  const index = await readJson(fileIn(folder, shardIndex)) as ConfigJson;
  const places = files.flatMap(({ name, tensors }) =>
    Array.from(tensors.keys(), (key) => [key, name])
  );
  const total_size = bytesIn(files.flatMap(({ tensors }) => [...tensors.values()]));
  const metadata = { ...isRecord(index.metadata) ? index.metadata : {}, total_size };
  const weight_map = Object.fromEntries(places.sort(([a], [b]) => a < b ? -1 : 1));
  return [{ name: shardIndex, content: jsonText({ ...index, metadata, weight_map }) }];
}

/** The base's metadata, with the digest of the new configuration. */
async function metadataOf(
  { file, config }: BaseFile,
  newConfig: ConfigJson,
): Promise<Record<string, string>> {
  const [before, after] = [config, newConfig].map(mathematicsIfKnown);
  if (before) await assertOwnConfig(file.metadata, "config.json", before);
  return { format: "pt", ...file.metadata, ...after && await configMetadata(after) };
}

/**
 * Fields of a configuration that determine the results of a model that runs here; no other needs a
 * digest.
 */
function mathematicsIfKnown(config: ConfigJson): ConfigJson | undefined {
  try {
    return mathematicsOfModel(config);
  } catch {
    return undefined;
  }
}

/** The configuration, which comes last: no reader takes a folder without it. */
async function configFile(
  { folder, config: own }: BaseFile,
  { config }: DerivedModel,
): Promise<FolderFile[]> {
  const name = "config.json";
  if (Object.keys(own).length === 0) return [];
  const content = config === own ? await readBytes(fileIn(folder, name)) : jsonText(config);
  return [{ name, content }];
}

/** Result of quantizing all modules of one kind. */
export interface QuantizedKind {
  /** Their path within a block, such as `attn.c_attn`. */
  readonly kind: string;
  /** Number of modules. */
  readonly modules: number;
  /** Values of their weights. */
  readonly parameters: number;
  /** Bytes of these in the original's files. */
  readonly bytesBefore: number;
  /** Bytes of codes, scales, and what says what they stand for. */
  readonly bytesAfter: number;
  /** ‖W − W₄‖ / ‖W‖, Frobenius, over all of them. */
  readonly relativeError: number;
}

/** Result of {@link quantizeFolder}. */
export interface QuantizedFolder {
  /** Results by kinds of modules, in the order of a block. */
  readonly kinds: readonly QuantizedKind[];
  /** Bytes of all tensors in the original's files. */
  readonly bytesBefore: number;
  /** Bytes of all tensors in the new ones. */
  readonly bytesAfter: number;
}

/**
 * Writes a Hugging Face folder whose blocks have their linear layers in 4 bits, as bitsandbytes and transformers
 * save and load them; embeddings, norms, biases and heads stay as they are. The folder has the original's shards.
 * It is saved as a whole: after a crash at any time, a reader finds the old model, the new one, or no
 * `config.json` and so an error.
 *
 * Memory: one weight in F32 three times, and all that is in 4 bits.
 *
 * @throws {RangeError} when the model is none that runs here, is quantized already, or lacks a weight, a value is not
 * finite, an option is none of those allowed, or the output folder holds an adapter.
 * @throws {ShapeError} when a weight does not fit the configuration.
 * @throws {Error} when a file cannot be read or written.
 *
 * @example
 * ```ts
 * import { quantizeFolder } from "@lowrank/core/models";
 *
 * const folder = await Deno.makeTempDir();
 * const { bytesBefore, bytesAfter } = await quantizeFolder("models/tiny-gpt2", folder);
 * console.log(bytesAfter < bytesBefore); // true
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function quantizeFolder(
  model: string,
  output: string,
  options: Omit<QuantizeOptions, "type"> = {},
): Promise<QuantizedFolder> {
  const names = { code: true, blockSize: true, doubleQuantization: true } as const;
  assertOptions("quantizeFolder", options, names);
  await assertNoOtherKind(output, "model");
  using base = await openBase(model);
  assertFloats(base);
  const { linears, blocks } = linearsOf(base.config), { file } = base;
  const copied = (key: string) => copiedTensor({ action: "cannot quantize", file, key });
  const tensors = new Map(Array.from(file.tensors.keys(), (key) => [key, copied(key)]));
  const sums = new Map<string, KindSums>();
  let type: Quantized["type"] = "float32";
  for (const linear of blocks) {
    const one = await quantizeLinear(base, linear, options);
    for (const [name, tensor] of one.entries) tensors.set(name, tensor);
    addTo(sums, kindOf(linear.name), one);
    type = one.type;
  }
  const isBlock = new Set(blocks.map(({ name }) => name));
  const floats = linears.filter((name) => !isBlock.has(name));
  const { code = "nf4", doubleQuantization = true } = options;
  await saveDerived(base, output, {
    tensors,
    config: withQuantization(base.config, {
      code,
      doubleQuantization,
      type,
      floats,
      original: model,
    }),
    small: await readSmallFiles(model),
  }, (name) => ownerIn(name)?.name ?? name);
  return {
    kinds: Array.from(sums, ([kind, each]) => summary(kind, each)),
    bytesBefore: Array.from(file.tensors.values()).reduce((sum, { bytes }) => sum + bytes, 0),
    bytesAfter: bytesIn(tensors.values()),
  };
}

/** Weights that are quantized already would only lose more. */
function assertFloats({ stored, file, config, folder }: BaseFile): void {
  const { quantization_config: form } = config;
  if (stored === file && (form ?? undefined) === undefined) return;
  throw new RangeError(
    `a model to quantize must be of floats, found one in ${folder} that is quantized: take the model ` +
      "that it was made from",
  );
}

/** The names of the linear layers and heads of a model that runs, and the layers that are in blocks. */
function linearsOf(config: ConfigJson): { linears: string[]; blocks: LinearSpec[] } {
  familyOf(config, "a model to quantize");
  const architecture = architectureOf(config), { linears, besides = [] } = architecture;
  const layers = linears.filter(({ kind }) => kind !== "embedding");
  const others = besides.map(({ name }) => moduleOf(name));
  const names = [...layers.map(({ name }) => name), ...others, tiedHeadOf(config)];
  const inBlocks = new Set(fourBitTensors(architecture));
  const blocks = layers.filter(({ tensors: [weight] }) => inBlocks.has(weight));
  return { linears: [...new Set(names)].sort(), blocks };
}

/** A weight in 4 bits, with its error. */
interface Quantized {
  readonly entries: readonly (readonly [string, EncodedTensor])[];
  readonly type: NonNullable<QuantizeOptions["type"]>;
  readonly parameters: number;
  readonly bytesBefore: number;
  /** Σ (W − W₄)². */
  readonly error: number;
  /** Σ W². */
  readonly weight: number;
}

async function quantizeLinear(
  base: BaseFile,
  { tensors: [spec] }: LinearSpec,
  options: QuantizeOptions,
): Promise<Quantized> {
  const key = keyOf(base, spec.name), { dtype, shape, bytes } = base.file.tensors.get(key)!;
  const expected = storedShape(spec), type = typeOf(key, dtype);
  if (!sameShape(shape, expected)) {
    const rule = `${oneLine(key)} must have shape ${formatShape(expected)} to fit config.json`;
    throw new ShapeError(`${rule}, found ${formatShape(shape)}`);
  }
  const values = await base.file.read(key), W = spec.storedTransposed ? transpose(values) : values;
  const tensor = quantize(W, { ...options, type }), { data } = dequantize(tensor);
  let error = 0, weight = 0;
  for (let i = 0; i < data.length; i++) {
    error += (W.data[i] - data[i]) ** 2;
    weight += W.data[i] ** 2;
  }
  const entries = quantizedEntries(key, tensor);
  return { entries, type, parameters: data.length, bytesBefore: bytes, error, weight };
}

/** The name of a weight in the file, which may be without the trunk's prefix. */
function keyOf(base: BaseFile, name: string): string {
  const { folder } = base, found = base.find(name);
  if (found.length === 1) return found[0];
  const names = found.length === 0 ? "none" : found.map(oneLine).join(" and ");
  throw new RangeError(`the model in ${folder} must have one tensor ${name}, found ${names}`);
}

function typeOf(key: string, dtype: Dtype): Quantized["type"] {
  if (isFloatDtype(dtype)) return floatTypes[dtype].torch;
  throw new RangeError(`${oneLine(key)} must hold ${anyFloatDtype}, found ${dtype}`);
}

/** The path of a module within its block. */
const kindOf = (name: string): string => name.replace(/^(?:.*?\.)?\d+\./, "");

/** Sums over the modules of one kind. */
type KindSums = Omit<QuantizedKind, "kind" | "relativeError"> & Pick<Quantized, "error" | "weight">;

function addTo(sums: Map<string, KindSums>, kind: string, one: Quantized): void {
  const before = sums.get(kind), sum = (own: number, others = 0) => others + own;
  sums.set(kind, {
    modules: sum(1, before?.modules),
    parameters: sum(one.parameters, before?.parameters),
    bytesBefore: sum(one.bytesBefore, before?.bytesBefore),
    bytesAfter: sum(bytesIn(one.entries.map(([, tensor]) => tensor)), before?.bytesAfter),
    error: sum(one.error, before?.error),
    weight: sum(one.weight, before?.weight),
  });
}

const summary = (kind: string, { error, weight, ...counts }: KindSums): QuantizedKind => ({
  kind,
  ...counts,
  relativeError: weight === 0 ? 0 : Math.sqrt(error / weight),
});
