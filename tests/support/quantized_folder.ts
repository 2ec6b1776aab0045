/** Folders whose blocks are in 4 bits, as bitsandbytes and transformers save them. @module */

import { fourBitTensors } from "../../src/architectures/registry.ts";
import { architectureOf } from "../../src/architectures/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { readConfig } from "../../src/models/mod.ts";
import { reorient } from "../../src/models/layers.ts";
import { quantize, type QuantizedTensor, type QuantizeOptions } from "../../src/quant/mod.ts";

/** The `quantization_config` of such a folder. */
export const quantizationConfig = (
  { code = "nf4", doubleQuantization = true }: QuantizeOptions,
) => ({
  quant_method: "bitsandbytes",
  load_in_4bit: true,
  load_in_8bit: false,
  bnb_4bit_quant_type: code,
  bnb_4bit_use_double_quant: doubleQuantization,
});

/** The tensors of a golden model, those of its blocks in 4 bits, (out, in). */
export async function quantizedTensors(
  from: string,
  options: QuantizeOptions = {},
): Promise<Map<string, HostTensor | QuantizedTensor>> {
  const { tensors } = await readSafetensors(`${from}/model.safetensors`);
  const made = new Map<string, HostTensor | QuantizedTensor>(tensors);
  for (const spec of fourBitTensors(architectureOf(await readConfig(from)))) {
    const values = tensors.get(spec.name)!;
    made.set(spec.name, quantize(reorient(spec, values), options));
  }
  return made;
}

/** Writes a folder of a golden model whose blocks are in 4 bits, with these fields in its configuration. */
export async function writeQuantizedFolder(
  folder: string,
  from: string,
  options: QuantizeOptions = {},
  fields: object = { quantization_config: quantizationConfig(options) },
): Promise<void> {
  await writeSafetensors(`${folder}/model.safetensors`, await quantizedTensors(from, options));
  const config = { ...await readConfig(from), ...fields };
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
}
