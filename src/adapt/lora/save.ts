/** LoRA adapters to PEFT folders. @module */

import { blockAdapter, writeAdapter } from "../../formats/mod.ts";
import type { AdapterSite, AdapterWeights } from "../../formats/mod.ts";
import { isStoredTransposed } from "../../models/gpt2/layout.ts";
import type { Linear } from "../../nn/linear.ts";
import type { SaveAdapterOptions } from "../adapter.ts";
import type { LoraAdapter, LoraValues } from "./adapter.ts";

/** Reads an adapter from its device and writes the folder that PEFT loads. */
export async function saveAdapter(
  adapter: LoraAdapter,
  folder: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const values = await adapter.read();
  const linears = [...new Set(adapter.sites.map(({ linear }) => linear))];
  await writeAdapter(folder, {
    modules: linears.map((linear) => joinSites(linear, values)),
    // PEFT sets the flag for Conv1D layers, whose files hold (in, out).
    fanInFanOut: linears.every(({ weight }) => isStoredTransposed(weight.name)),
    dropout: Math.max(...adapter.sites.map(({ dropout }) => dropout)),
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

const hasOneSite = ({ parts }: Linear): boolean => Object.keys(parts).length < 2;

const siteOf = ({ rows: { start, count }, rank }: LoraValues): AdapterSite => {
  return { rows: { start, count }, rank };
};
