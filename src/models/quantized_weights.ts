/** The weights of a folder that bitsandbytes has quantized to 4 bits. @module */

import { bareName } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf } from "../architectures/registry.ts";
import { isRecord } from "../core/json.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { Dtype, FloatDtype, SafetensorsFile } from "../formats/mod.ts";
import { ownerOf } from "../formats/quantized_keys.ts";
import { readFourBitForm } from "../formats/read_quantized.ts";
import { type FourBitCode, fourBitCodes } from "../quant/codes.ts";
import type { FourBitForm } from "../quant/quantized_tensor.ts";

/** How the weights that a file has in 4 bits are stored there, by their names in it. */
export type QuantizedWeights = ReadonlyMap<string, FourBitForm>;

/** What a configuration says of weights in 4 bits; the size of blocks is not in it. */
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
 * How a tensor is in the files of a configuration. These have weights in 4 bits as is known, or else as far as the
 * configuration says it: those of linear layers, in blocks of `blockSize`. All else is in the type that it names.
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
 * How the weights are stored that a file has in 4 bits. Their states are read, and nothing else; a part without
 * a state is refused.
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
