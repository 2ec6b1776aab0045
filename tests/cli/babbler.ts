/** A small model with a tokenizer, and an adapter of it. */

import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";

/** A model that babbles, and an adapter that changes what. */
export async function writeBabbler(folder: string): Promise<void> {
  const text = "the cat sat on the mat and the dog sat on the log ";
  await saveTokenizer(folder, trainBytePairs([text], { vocabularySize: 270 }));
  using device = await openCpuDevice({ threads: 1 });
  const config = { vocab_size: 270, n_positions: 32, n_embd: 16, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(config), { seed: 1 });
  await saveModel(model, folder);
  using adapter = injectLora(model, { rank: 2, sites: "all", seed: 1 });
  for (const { B } of adapter.sites) device.write(B.tensor, new Float32Array(B.size).fill(0.5));
  await adapter.save(`${folder}/adapter`);
}
