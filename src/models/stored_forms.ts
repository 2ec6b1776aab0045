/** Storage forms of a model's matrices on a device. @module */

import { bareName, type LinearSpec } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf, fourBitTensors, halfTensors } from "../architectures/registry.ts";
import type { OptionNames } from "../core/checks.ts";
import { about, oneLine, quote } from "../core/errors.ts";
import { type FloatDtype, floatDtypes, floatTypeOfTorch } from "../core/float_types.ts";
import type { Dtype } from "../formats/safetensors/header.ts";
import type { SafetensorsFile } from "../formats/safetensors/read.ts";
import {
  assertOneOf,
  blockSizes,
  formText,
  type FourBitForm,
  isFourBitCode,
} from "../quant/quantized_tensor.ts";
import type { StorageOptions, StoredForm } from "./storage/form.ts";
import { ownerIn, storageForms } from "./storage/forms.ts";
import { quantizationOf } from "./storage/four_bit.ts";

/** The matrices of a model that are not in F32, by name. */
export type StoredForms = ReadonlyMap<string, StoredForm>;

/** The names of {@link StorageOptions}. */
export const storageNames: OptionNames<StorageOptions> = {
  dtype: true,
  blockSize: true,
  doubleQuantization: true,
};

const packedNames = storageForms.filter(({ packed }) => packed).map(({ name }) => name);
const dtypes = [...floatDtypes, "auto", ...packedNames] as const;

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
  for (const [name, value] of Object.entries({ blockSize, doubleQuantization })) {
    const takers = storageForms.filter(({ options }) => options.some((option) => option === name))
      .map((form): string => form.name);
    if (value === undefined || takers.includes(dtype ?? "")) continue;
    const found = dtype === undefined ? "none" : quote(dtype);
    throw new RangeError(`${name} ${value} needs dtype ${takers.join(" or ")}, found ${found}`);
  }
}

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
  const matrices = storageForms.map((form) => new Set(form.matrices(architecture)));
  const { dtype = "F32" } = asked;
  const formOf = ({ kind, tensors: [weight] }: LinearSpec): StoredForm | undefined => {
    const found = inFile(weight.name);
    if (found === undefined) {
      if (!blocks.has(weight)) return undefined; // A new head.
      throw new RangeError(`${weight.name} must be in the model's file, found none`);
    }
    if (typeof found === "object" && stays(weight.name, found, asked)) {
      return kind === "linear" || halves.has(weight) ? found : undefined;
    }
    const wanted = dtype === "auto" ? found : dtype;
    return storageForms.find(({ name }, i) => name === wanted && matrices[i].has(weight))
      ?.asked(asked);
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
  if (!isFourBitCode(dtype)) return false;
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

/** The type that a configuration names for the floats of its files; F32 where it names none of 16 bits. */
export function floatTypeOf({ dtype, torch_dtype }: ConfigJson): FloatDtype {
  return floatTypeOfTorch(dtype ?? torch_dtype)?.name ?? "F32";
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
  const forms = new Map<string, FourBitForm>(), said = quantizationOf(config);
  for (const key of file.tensors.keys()) {
    const owner = ownerIn(key);
    if (!owner || forms.has(owner.name)) continue;
    forms.set(owner.name, await owner.form.recognize(file, owner.name));
  }
  if (!said) return forms;
  const rule = `config.json says that weights are in ${said.code}`;
  if (forms.size === 0) throw new RangeError(`${rule}, found none in 4 bits in the files`);
  const other = [...forms].find(([, { code }]) => code !== said.code);
  if (!other) return forms;
  throw new RangeError(`${rule}, found ${oneLine(other[0])} in ${other[1].code} in the files`);
}
