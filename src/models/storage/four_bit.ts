/**
 * NF4 and FP4 as storage forms, in bitsandbytes' files, and the `quantization_config` by which
 * transformers knows them.
 *
 * @module
 */

import type { ConfigJson } from "../../architectures/config_fields.ts";
import { fourBitTensors } from "../../architectures/registry.ts";
import { FourBitWeight } from "../../autograd/four_bit.ts";
import { isRecord } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { floatTypeOfTorch } from "../../core/float_types.ts";
import {
  ownerOf,
  quantizedNames,
  readFourBitForm,
  readQuantized,
  readQuantizedState,
} from "../../formats/four_bit.ts";
import { assertStoredFinite } from "../../formats/safetensors/header.ts";
import { dequantize, quantize } from "../../quant/quantize.ts";
import {
  anyFourBitCode,
  type FourBitCode,
  type FourBitForm,
  isFourBitCode,
  type QuantizedForm,
  type UnquantizedType,
} from "../../quant/quantized_tensor.ts";
import { parseHubName } from "../../storage/hub_name.ts";
import type { FileTensor, PackedForm, StorageForm, StoredForm } from "./form.ts";

// The form.

const packed: PackedForm = {
  ownerOf,
  recognize: readFourBitForm,
  namesIn: ({ tensors }) => quantizedNames(tensors),
  floatsOf: async (file, name) => {
    const { shape, type } = await readQuantizedState(file, name);
    return { shape, dtype: floatTypeOfTorch(type)!.name };
  },
  read: async (file, name) => dequantize(await readQuantized(file, name)),
};

/** The form of a 4-bit code. */
export const fourBitForm = (code: FourBitCode): StorageForm => ({
  name: code,
  options: ["blockSize", "doubleQuantization"],
  packed,
  recognize: (stored) => typeof stored === "object" && stored.code === code,
  asked: ({ blockSize = 64, doubleQuantization = true }) => ({
    ...{ code, blockSize, doubleQuantization },
  }),
  matrices: fourBitTensors,
  allocate: (owner, { name, shape }, stored) =>
    new FourBitWeight(owner, name, { ...stored as Exclude<StoredForm, string>, shape }),
  write: (weight, tensor) => writeFourBit(weight as FourBitWeight, tensor),
});

/** Copies in a file's own codes and scales, or quantizes its floats. */
async function writeFourBit(to: FourBitWeight, tensor: FileTensor): Promise<void> {
  const { file, name, isPacked, allowNonFinite } = tensor;
  if (isPacked) return to.write(await readQuantized(file, name));
  const { shape: _, ...form } = to.form, values = await tensor.values();
  if (allowNonFinite) assertStoredFinite(notInFourBits, name, values, "F32");
  to.write(quantize(values, form));
}

const notInFourBits =
  "cannot load with allowNonFinite in 4 bits, which cannot hold a value that is not finite";

// Its configuration.

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
  if (!isFourBitCode(code)) return refuse(`bnb_4bit_quant_type ${anyFourBitCode}`, code);
  return {
    code,
    doubleQuantization: fields.bnb_4bit_use_double_quant === true,
    kept: Array.isArray(kept) ? kept.map(String) : [],
  };
}

function refuse(rule: string, found: unknown): never {
  throw new RangeError(
    `quantized weights can be loaded in bitsandbytes' 4 bits only: quantization_config needs ${rule}, found ${
      quote(found)
    }`,
  );
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
