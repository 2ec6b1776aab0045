/** Adapters with random values in both factors, written by us. @module */

import { injectLora, type LoraOptions } from "../../src/adapt/mod.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";

/** What to inject; the seed is always the same. */
export type AdapterChange = Omit<LoraOptions, "seed">;

/** Injects an adapter, fills B so that it changes something, and saves it. */
export async function savedAdapter(
  modelFolder: string,
  folder: string,
  change: AdapterChange,
): Promise<void> {
  using device = new ReferenceDevice();
  using model = await loadModel(device, modelFolder);
  using adapter = injectLora(model, { ...change, seed: 5 });
  const random = new Random(6);
  for (const { B } of adapter.sites) {
    device.write(B.tensor, Float32Array.from({ length: B.size }, () => 0.3 * random.normal()));
  }
  adapter.promptFormat = { template: "Q: {prompt}", endOfTextFirst: true, separator: " " };
  await adapter.save(folder);
}
