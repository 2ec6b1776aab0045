/** How a model's matrices are stored on a device. @module */

import type { HalfType } from "../../kernels/kernel.ts";
import type { LinearSpec } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { fourBitTensors, halfTensors } from "../architectures/half_tensors.ts";
import { architectureOf } from "../architectures/registry.ts";
import type { OptionNames } from "../core/options.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { Dtype, FloatDtype } from "../formats/mod.ts";
import { type FourBitCode, fourBitCodes } from "../quant/codes.ts";
import { assertOneOf, blockSizes, formText, type FourBitForm } from "../quant/quantized_tensor.ts";

/** How a matrix is stored that is not in F32: in 16 bits, or in 4. */
export type StoredForm = HalfType | Omit<FourBitForm, "shape">;

/** The matrices of a model that are not in F32, by name. */
export type StoredForms = ReadonlyMap<string, StoredForm>;

/** How a model's matrices are to be stored on the device. */
export interface StorageOptions {
  /**
   * How the matrices of linear layers, token embedding and language head are stored on the device. With `auto`,
   * those of 16 bits in the file stay so: half the memory and the same results, but they cannot be trained, only
   * adapted. With `F16` or `BF16` all are rounded to that, as in transformers. With `nf4` or `fp4` those of the
   * blocks' linear layers are quantized to 4 bits as they are loaded, as in QLoRA, and all else is F32. Biases,
   * norms, positions and classifiers are always F32. Default: `F32`, but what a file has in 4 bits stays so.
   */
  readonly dtype?: FloatDtype | FourBitCode | "auto";
  /** Values per block in 4 bits: a power of two from 32 to 4096. Default 64. */
  readonly blockSize?: number;
  /** Whether the scales of the blocks are in 8 bits. Default true. */
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
 * How each matrix is stored that is not in F32.
 *
 * @param inFile How a file has the matrix of a name: as a dtype or in 4 bits; undefined for one that is made new,
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

/** Whether what a file has in 4 bits stays so; a dtype of floats asks for the values that it stands for. */
function stays(name: string, found: FourBitForm, asked: StorageOptions): boolean {
  const { dtype, blockSize = found.blockSize } = asked;
  if (dtype === undefined || dtype === "auto") return true;
  if (!isFourBit(dtype)) return false;
  const { doubleQuantization = found.doubleQuantization } = asked;
  const wanted = formText({ ...found, code: dtype, blockSize, doubleQuantization });
  if (wanted === formText(found)) return true;
  throw new RangeError(
    `${oneLine(name)} must stay in its 4 bits, ${formText(found)}, but ${wanted} was asked for: ` +
      "leave out the dtype, or use dtype F32",
  );
}
