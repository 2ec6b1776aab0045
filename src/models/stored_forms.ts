/** Storage forms of a model's matrices on a device. @module */

import type { HalfType } from "../../kernels/kernel.ts";
import { bareName, type LinearSpec } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf, fourBitTensors, halfTensors } from "../architectures/registry.ts";
import { isRecord, type OptionNames } from "../core/checks.ts";
import { about, oneLine, quote } from "../core/errors.ts";
import { type HostTensor, sizeOf } from "../core/tensor.ts";
import {
  quantizedNames,
  readFourBitForm,
  readQuantized,
  readQuantizedState,
} from "../formats/four_bit.ts";
import type { Dtype, SafetensorsFile, TensorEntry, TensorPiece } from "../formats/mod.ts";
import { ownerOf } from "../formats/quantized_keys.ts";
import type { FloatDtype } from "../formats/safetensors/header.ts";
import { dequantize } from "../quant/quantize.ts";
import {
  assertOneOf,
  blockSizes,
  formText,
  type FourBitCode,
  fourBitCodes,
  type FourBitForm,
  type QuantizedForm,
  type UnquantizedType,
} from "../quant/quantized_tensor.ts";
import { parseHubName } from "../storage/hub_name.ts";
import { transpose } from "./layers.ts";

/** Storage form of a matrix that is not in F32: in 16 bits, or in 4. */
export type StoredForm = HalfType | Omit<FourBitForm, "shape">;

/** The matrices of a model that are not in F32, by name. */
export type StoredForms = ReadonlyMap<string, StoredForm>;

/** Options for storing a model's matrices on the device. */
export interface StorageOptions {
  /**
   * Storage type of the matrices of linear layers, token embedding and language head on the device.
   * With `auto`, those of 16 bits in the file stay so: half the memory and the same results, but
   * they cannot be trained, only adapted. With `F16` or `BF16` all are rounded to that, as in
   * transformers. With `nf4` or `fp4` those of the blocks' linear layers are quantized to 4 bits as
   * they are loaded, as in QLoRA, and all else is F32. Biases, norms, positions and classifiers are
   * always F32. Default: `F32`, but what a file has in 4 bits stays so.
   */
  readonly dtype?: FloatDtype | FourBitCode | "auto";
  /** Values per block in 4 bits: a power of two from 32 to 4096. Default 64. */
  readonly blockSize?: number;
  /** True if the scales of the blocks are in 8 bits. Default true. */
  readonly doubleQuantization?: boolean;
}

/** The names of {@link StorageOptions}. */
export const storageNames: OptionNames<StorageOptions> = {
  dtype: true,
  blockSize: true,
  doubleQuantization: true,
};

const dtypes = ["F32", "F16", "BF16", "auto", ...fourBitCodes] as const;

/**
 * Throws unless matrices can be stored so.
 *
 * @throws {RangeError} when a value is none of those allowed, or is one of 4 bits without their code.
 */
export function assertStorage({ dtype, blockSize, doubleQuantization }: StorageOptions): void {
  if (dtype !== undefined) assertOneOf("dtype", dtype, dtypes);
  if (blockSize !== undefined) assertOneOf("blockSize", blockSize, blockSizes);
  if (doubleQuantization !== undefined) {
    assertOneOf("doubleQuantization", doubleQuantization, [true, false]);
  }
  if (isFourBit(dtype)) return;
  const given = Object.entries({ blockSize, doubleQuantization })
    .find(([, value]) => value !== undefined);
  if (!given) return;
  const [name, value] = given, found = dtype === undefined ? "none" : quote(dtype);
  throw new RangeError(`${name} ${value} needs dtype nf4 or fp4, found ${found}`);
}

const isFourBit = (dtype?: string): dtype is FourBitCode =>
  fourBitCodes.some((code) => code === dtype);

const halfTypes: Partial<Record<Dtype, HalfType>> = { F16: "f16", BF16: "bf16" };

/**
 * Chooses the storage form of each matrix that is not in F32.
 *
 * @param inFile Storage of the matrix of a name in a file: as a dtype or in 4 bits; undefined for one that is made new,
 * which is to be trained.
 * @throws {RangeError} when other 4 bits are asked for than those that a file has.
 */
export function storedForms(
  config: ConfigJson,
  asked: StorageOptions,
  inFile: (name: string) => Dtype | FourBitForm | undefined,
): StoredForms {
  const architecture = architectureOf(config), forms = new Map<string, StoredForm>();
  const halves = new Set(halfTensors(architecture)), blocks = new Set(fourBitTensors(architecture));
  const { dtype = "F32", blockSize = 64, doubleQuantization = true } = asked;
  const formOf = ({ kind, tensors: [weight] }: LinearSpec): StoredForm | undefined => {
    const found = inFile(weight.name);
    if (found === undefined) {
      if (!blocks.has(weight)) return undefined; // A new head.
      throw new RangeError(`${weight.name} must be in the model's file, found none`);
    }
    if (typeof found === "object" && stays(weight.name, found, asked)) {
      return kind === "linear" || halves.has(weight) ? found : undefined;
    }
    if (isFourBit(dtype)) {
      return blocks.has(weight) ? { code: dtype, blockSize, doubleQuantization } : undefined;
    }
    const type = dtype === "auto" ? found as Dtype : dtype;
    return halves.has(weight) ? halfTypes[type] : undefined;
  };
  for (const layer of architecture.linears) {
    const form = formOf(layer);
    if (form) forms.set(layer.tensors[0].name, form);
  }
  return forms;
}

/** True if a weight that a file has in 4 bits stays so; with a dtype of floats it is expanded. */
function stays(name: string, found: FourBitForm, asked: StorageOptions): boolean {
  const { dtype, blockSize = found.blockSize } = asked;
  if (dtype === undefined || dtype === "auto") return true;
  if (!isFourBit(dtype)) return false;
  const { doubleQuantization = found.doubleQuantization } = asked;
  const wanted = formText({ ...found, code: dtype, blockSize, doubleQuantization });
  if (wanted === formText(found)) return true;
  const sentence =
    `${oneLine(name)} must stay in its 4 bits, ${formText(found)}, but ${wanted} was asked for: ` +
    "leave out the dtype, or use dtype F32";
  throw about(
    new RangeError(sentence),
    { option: "dtype", words: "the dtype" },
    { option: "dtype", value: "F32", words: "use dtype F32" },
  );
}

/** Forms of the weights that a file has in 4 bits, by their names in it. */
export type QuantizedWeights = ReadonlyMap<string, FourBitForm>;

/** Settings of weights in 4 bits in a configuration; the size of blocks is not in it. */
export interface QuantizationConfig extends Pick<FourBitForm, "code" | "doubleQuantization"> {
  /** Modules that are not quantized, by their names, what these end with, or a path above them. */
  readonly kept: readonly string[];
}

/**
 * The `quantization_config` of a `config.json`, as transformers writes it for bitsandbytes; undefined where there
 * is none.
 *
 * @throws {RangeError} when it is of another method than bitsandbytes' 4 bits, or names none of their codes.
 */
export function quantizationOf({ quantization_config: given }: ConfigJson):
  | QuantizationConfig
  | undefined {
  if (given === undefined || given === null) return undefined;
  const fields = isRecord(given) ? given : refuse("an object", given);
  const { quant_method: method = "bitsandbytes", bnb_4bit_quant_type: code = "fp4" } = fields;
  const { llm_int8_skip_modules: kept } = fields;
  if (method !== "bitsandbytes") refuse('quant_method "bitsandbytes"', method);
  if (fields.load_in_4bit !== true) {
    const found = fields.load_in_8bit === true ? "8 bits" : fields.load_in_4bit;
    refuse("load_in_4bit true", found);
  }
  if (!fourBitCodes.some((known) => known === code)) refuse("bnb_4bit_quant_type nf4 or fp4", code);
  return {
    code: code as FourBitCode,
    doubleQuantization: fields.bnb_4bit_use_double_quant === true,
    kept: Array.isArray(kept) ? kept.map(String) : [],
  };
}

/** The type that a configuration names for the floats of its files; F32 where it names none of 16 bits. */
export function floatTypeOf({ dtype, torch_dtype }: ConfigJson): FloatDtype {
  const name = dtype ?? torch_dtype;
  return name === "float16" ? "F16" : name === "bfloat16" ? "BF16" : "F32";
}

/**
 * Storage of each tensor in the files of a configuration. These have weights in 4 bits as is known,
 * or else as far as the configuration says it: those of linear layers, in blocks of `blockSize`.
 * All else is in the type that it names.
 *
 * @throws {RangeError} As {@link quantizationOf}.
 */
export function filesOf(
  config: ConfigJson,
  known?: QuantizedWeights,
  blockSize = 64,
): (name: string) => Dtype | FourBitForm {
  const architecture = architectureOf(config), said = quantizationOf(config);
  const type = floatTypeOf(config);
  if (known) {
    const bare = (name: string) => bareName(architecture, { name });
    const forms = new Map(Array.from(known, ([name, form]) => [bare(name), form]));
    return (name) => forms.get(bare(name)) ?? type;
  }
  if (!said) return () => type;
  const { kept, ...form } = said;
  const isKept = (name: string) =>
    kept.some((one) => name.endsWith(one) || name.startsWith(`${one}.`));
  const linears = architecture.linears.filter(({ kind, name }) =>
    kind === "linear" && !isKept(name)
  );
  const forms = new Map(linears.map(({ tensors: [{ name, shape }] }): [string, FourBitForm] => {
    return [name, { ...form, shape, blockSize }];
  }));
  return (name) => forms.get(name) ?? type;
}

function refuse(rule: string, found: unknown): never {
  throw new RangeError(
    `quantized weights can be loaded in bitsandbytes' 4 bits only: quantization_config needs ${rule}, found ${
      quote(found)
    }`,
  );
}

/**
 * Reads the forms of the weights that a file has in 4 bits. Their states are read, and nothing
 * else; a part without a state is refused.
 *
 * @throws {SyntaxError} when a part of one is missing or wrong.
 * @throws {RangeError} when the configuration says something else.
 */
export async function readQuantizedForms(
  file: SafetensorsFile,
  config: ConfigJson,
): Promise<QuantizedWeights> {
  const names = new Set([...file.tensors.keys()].flatMap((key) => ownerOf(key) ?? []));
  const forms = new Map<string, FourBitForm>(), said = quantizationOf(config);
  for (const name of names) forms.set(name, await readFourBitForm(file, name));
  if (!said) return forms;
  const rule = `config.json says that weights are in ${said.code}`;
  if (forms.size === 0) throw new RangeError(`${rule}, found none in 4 bits in the files`);
  const other = [...forms].find(([, { code }]) => code !== said.code);
  if (!other) return forms;
  throw new RangeError(`${rule}, found ${oneLine(other[0])} in ${other[1].code} in the files`);
}

/** Storage form of a folder's weights in 4 bits; the block size is in each weight's state. */
interface FolderForm extends Omit<QuantizedForm, "blockSize"> {
  /** The type in which bitsandbytes multiplies. */
  readonly type: UnquantizedType;
  /** Linear layers that stay floats: transformers takes all others for quantized. */
  readonly floats: readonly string[];
  /** The folder of the floats, or its name on the hub. */
  readonly original: string;
}

/**
 * A configuration by which transformers loads weights in 4 bits. It has no `llm_int8_threshold`, which transformers
 * wants as a float, and JSON of JavaScript has no 6.0.
 */
export function withQuantization(config: ConfigJson, form: FolderForm): ConfigJson {
  const quantization_config = {
    _load_in_4bit: true,
    _load_in_8bit: false,
    bnb_4bit_compute_dtype: form.type,
    bnb_4bit_quant_storage: "uint8",
    bnb_4bit_quant_type: form.code,
    bnb_4bit_use_double_quant: form.doubleQuantization,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_skip_modules: form.floats,
    load_in_4bit: true,
    load_in_8bit: false,
    quant_method: "bitsandbytes",
  };
  // Adapters name the base that they were trained on: it is the same one.
  return { ...config, _name_or_path: nameIn(form.original), quantization_config };
}

/** The end of a path, which is not of this machine alone. */
const nameIn = (folder: string): string =>
  folder.startsWith("hf:")
    ? parseHubName(folder).repository
    : folder.split(/[\\/]/).findLast((part) => part !== "") ?? folder;

/** The configuration of the same model in floats. */
export function withoutQuantization({ quantization_config: _, ...config }: ConfigJson): ConfigJson {
  return config;
}

/** The type of a file that holds what was quantized. */
export const storedAs: Readonly<Record<UnquantizedType, FloatDtype>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};

/** A file of floats, and which of its weights are really in 4 bits. */
export interface DequantizedFile {
  /** The file. */
  readonly file: SafetensorsFile;
  /** The types that these were quantized from, by their names. */
  readonly quantized: ReadonlyMap<string, FloatDtype>;
}

/**
 * A file whose weights in 4 bits are the values in F32 that a device computes with, (in, out) where files of floats
 * have them so. bitsandbytes would round them to the type that was quantized, which no adapter has seen in
 * training here. The file itself, if it has none. The last one that was read stays in memory.
 *
 * @param isTurned True for the weights that are (in, out) in files of floats; those in 4 bits are (out, in) in all.
 * @throws {SyntaxError} when a weight's state is missing or wrong.
 */
export async function dequantizedFile(
  file: SafetensorsFile,
  isTurned: (name: string) => boolean,
): Promise<DequantizedFile> {
  const quantized = new Map<string, FloatDtype>(), entries = new Map<string, TensorEntry>();
  for (const name of quantizedNames(file.tensors)) {
    const { shape, type } = await readQuantizedState(file, name);
    quantized.set(name, storedAs[type]);
    entries.set(name, floatEntry(isTurned(name) ? shape.toReversed() : shape));
  }
  if (quantized.size === 0) return { file, quantized };
  return { file: new FloatView(file, entries, isTurned), quantized };
}

/** The view of a file that {@link dequantizedFile} gives. */
class FloatView implements SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: SafetensorsFile["metadata"];
  readonly #file: SafetensorsFile;
  readonly #fourBit: ReadonlyMap<string, TensorEntry>;
  readonly #isTurned: (name: string) => boolean;
  #last?: { readonly name: string; readonly tensor: HostTensor };

  constructor(
    file: SafetensorsFile,
    fourBit: ReadonlyMap<string, TensorEntry>,
    isTurned: (name: string) => boolean,
  ) {
    this.tensors = new Map([...withoutParts(file.tensors, fourBit), ...fourBit]);
    this.metadata = file.metadata;
    this.#file = file;
    this.#fourBit = fourBit;
    this.#isTurned = isTurned;
  }

  read(name: string): Promise<HostTensor> {
    return this.#fourBit.has(name) ? this.#valuesOf(name) : this.#file.read(name);
  }

  async *pieces(name: string, asStored?: boolean): AsyncIterable<TensorPiece> {
    if (!this.#fourBit.has(name)) return yield* this.#file.pieces(name, asStored);
    yield { start: 0, data: (await this.#valuesOf(name)).data };
  }

  async readBytes(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#fourBit.has(name)) return await this.#file.readBytes(name, start, length);
    const { buffer, byteOffset } = (await this.#valuesOf(name)).data;
    return new Uint8Array(buffer, byteOffset + start, length).slice();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  async #valuesOf(name: string): Promise<HostTensor> {
    if (this.#last?.name === name) return this.#last.tensor;
    this.#last = undefined; // Two of them would be in memory.
    const values = dequantize(await readQuantized(this.#file, name));
    const tensor = this.#isTurned(name) ? transpose(values) : values;
    this.#last = { name, tensor };
    return tensor;
  }
}

/** The tensors that are no scales, maps or states of weights in 4 bits. */
const withoutParts = (
  tensors: ReadonlyMap<string, TensorEntry>,
  quantized: ReadonlyMap<string, unknown>,
): [string, TensorEntry][] =>
  [...tensors].filter(([key]) => {
    const owner = ownerOf(key);
    return owner === undefined || !quantized.has(owner);
  });

const floatEntry = (shape: readonly number[]): TensorEntry => ({
  ...{ dtype: "F32", shape, offset: 0, bytes: 4 * sizeOf(shape) },
});
