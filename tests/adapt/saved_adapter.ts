/** Adapters with random values in both factors, written by us. @module */

import {
  injectLora,
  injectOlora,
  injectPissa,
  LoraEmbedding,
  type LoraOptions,
} from "../../src/adapt/mod.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";

/** Options of the adapter to inject; the seed is always the same. */
export type AdapterChange = Omit<LoraOptions, "seed"> & { readonly start?: "pissa" | "olora" };

/** Injects an adapter, changes all but A so that it does something, and saves it. */
export async function savedAdapter(
  modelFolder: string,
  folder: string,
  change: AdapterChange,
): Promise<void> {
  using device = new ReferenceDevice();
  using model = await loadModel(device, modelFolder);
  const { start, ...options } = change, atWeights = { pissa: injectPissa, olora: injectOlora };
  using adapter = start
    ? await atWeights[start](model, options)
    : injectLora(model, { ...options, seed: 5 });
  const random = new Random(6);
  const { sites, biases } = adapter,
    zeros = sites.map((site) => site instanceof LoraEmbedding ? site.A : site.B);
  const others = [
    ...sites.flatMap(({ parameters }) => parameters.slice(2)),
    ...biases.parameters,
    ...adapter.modules.parameters,
    ...adapter.tokens.parameters,
  ];
  for (const { tensor } of zeros) {
    device.write(tensor, Float32Array.from({ length: tensor.size }, () => 0.3 * random.normal()));
  }
  for (const { tensor } of others) {
    const [{ data }] = await device.read(tensor);
    device.write(tensor, Float32Array.from(data, (value) => 1.2 * value + 0.1 * random.normal()));
  }
  adapter.promptFormat = { template: "Q: {prompt}", endOfTextFirst: true, separator: " " };
  await adapter.save(folder);
}
