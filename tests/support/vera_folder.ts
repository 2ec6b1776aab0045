/** The golden VeRA adapter of GPT-2 with other vectors: those of PEFT's file change nothing. @module */

import { Random } from "../../src/core/random.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { golden } from "./golden.ts";

/**
 * Writes it to a folder that does not exist, with b and d drawn from a normal distribution.
 *
 * @param savesProjections True if the random matrices are in the file too, as PEFT's option says.
 */
export async function writeVera(folder: string, savesProjections = true): Promise<string> {
  const from = golden("methods/gpt2_vera"), random = new Random(3);
  const config = JSON.parse(await Deno.readTextFile(`${from}/adapter_config.json`));
  await Deno.mkdir(folder);
  await Deno.writeTextFile(
    `${folder}/adapter_config.json`,
    JSON.stringify({ ...config, save_projection: savesProjections }),
  );
  const { tensors } = await readSafetensors(`${from}/adapter_model.safetensors`);
  for (const [name, { shape, data }] of tensors) {
    if (name.includes("lambda")) {
      tensors.set(name, {
        shape,
        data: data.map(() => random.normal()),
      });
    } else if (!savesProjections) tensors.delete(name);
  }
  await writeSafetensors(`${folder}/adapter_model.safetensors`, tensors);
  return folder;
}
