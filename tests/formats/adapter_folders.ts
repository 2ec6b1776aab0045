/** Adapter folders for tests: a small good one, and ways to spoil it. @module */

import { type HostTensor, writeSafetensors } from "../../src/formats/mod.ts";

/** The module of {@link goodTensors}. */
export const moduleName = "transformer.h.0.attn.c_attn";

const prefix = `base_model.model.${moduleName}`;

/** A matrix whose values count up from 1. */
export function matrix(rows: number, columns: number): HostTensor {
  const data = Float32Array.from({ length: rows * columns }, (_, index) => index + 1);
  return { shape: [rows, columns], data };
}

/** The configuration of a good adapter. */
export const goodConfig: Readonly<Record<string, unknown>> = {
  peft_type: "LORA",
  r: 2,
  lora_alpha: 4,
  target_modules: ["c_attn"],
};

/** Its tensors: rank 2, from 3 to 4. */
export const goodTensors: Readonly<Record<string, HostTensor>> = {
  [`${prefix}.lora_A.weight`]: matrix(2, 3),
  [`${prefix}.lora_B.weight`]: matrix(4, 2),
};

/** Writes an adapter folder as somebody else might have. */
export async function writeRawAdapter(
  folder: string,
  config: unknown = goodConfig,
  tensors: Readonly<Record<string, HostTensor>> = goodTensors,
): Promise<void> {
  await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(config));
  const path = `${folder}/adapter_model.safetensors`;
  await writeSafetensors(path, Object.entries(tensors), { allowNonFinite: true });
}
