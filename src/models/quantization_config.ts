/** What a `config.json` says about weights in 4 bits. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { parseHubName } from "../core/hub/name.ts";
import type { QuantizedForm, UnquantizedType } from "../quant/quantized_tensor.ts";

/** How the weights of a folder are stored in 4 bits; the block size is in each weight's state. */
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
