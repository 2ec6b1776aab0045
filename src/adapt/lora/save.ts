/** LoRA adapters to PEFT folders. @module */

import { blockAdapter, type FloatDtype, writeAdapter } from "../../formats/mod.ts";
import type { AdapterSite, AdapterWeights } from "../../formats/mod.ts";
import type { Linear } from "../../nn/linear.ts";
import type { LoraAdapter, LoraValues } from "./adapter.ts";

/** What a saved adapter says beside its weights. */
export interface SaveAdapterOptions {
  /** Name or path of the base model, `base_model_name_or_path`; `null` in the file unless said. */
  readonly baseModelName?: string;
  /** Type of the weights in the file, F32 unless said. */
  readonly dtype?: FloatDtype;
}

/** Reads an adapter from its device and writes the folder that PEFT loads. */
export async function saveAdapter(
  adapter: LoraAdapter,
  folder: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const values = await adapter.read();
  const stored = adapter.model.architecture?.tensors.filter((tensor) => tensor.storedTransposed);
  const turned = new Set(stored?.map(({ name }) => name));
  const linears = [...new Set(adapter.modules.map(({ linear }) => linear))];
  await writeAdapter(folder, {
    modules: linears.map((linear) => joinSites(linear, values)),
    // PEFT sets the flag for Conv1D layers, whose files hold (in, out).
    fanInFanOut: linears.every(({ weight }) => turned.has(weight.name)),
    dropout: Math.max(...adapter.modules.map(({ dropout }) => dropout)),
    ...options,
  });
}

/** All sites of a layer as one module of the file. */
function joinSites(linear: Linear, values: readonly LoraValues[]): AdapterWeights {
  const { name, weight } = linear;
  const sites = values.filter(({ module }) => module === name);
  const out = weight.shape[0];
  const whole = sites.length === 1 && sites[0].rows.count === out;
  const { A, B, scaling } = whole ? sites[0] : blockAdapter(sites, out);
  const module = { name, A, B, scaling };
  return hasOneSite(linear) ? module : { ...module, sites: sites.map(siteOf) };
}

const hasOneSite = ({ sites }: Linear): boolean => Object.keys(sites).length < 2;

const siteOf = ({ rows: { start, count }, rank }: LoraValues): AdapterSite => {
  return { rows: { start, count }, rank };
};
