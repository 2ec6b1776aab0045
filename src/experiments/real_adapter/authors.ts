/** The paper authors' own adapter, from the folder that `LOWRANK_DATA` names. @module */

import { join } from "node:path";
import { type LowRankUpdate, type Spectrum, spectrum } from "../../analysis/mod.ts";
import { type HostTensor, readSafetensors } from "../../formats/mod.ts";

/** The file within the folder: loralib's names, `….query.lora_A`. */
const path = "roberta-base-mnli-lora/loralib.safetensors";

/** α / r: 16 by the authors' script (table 9 prints 8), r = 8. The file says neither. */
export const scaling = 16 / 8;

/** One adapted matrix and its spectrum. */
export interface AuthorsModule {
  /** Number of the layer, from 0 on. */
  readonly layer: number;
  /** Which of its matrices. */
  readonly site: "query" | "value";
  /** Of ΔW. */
  readonly spectrum: Spectrum;
}

/** The file's path, if there is one. */
export async function findAuthors(): Promise<string | undefined> {
  const folder = Deno.env.get("LOWRANK_DATA");
  if (!folder) return undefined;
  const file = join(folder, path);
  return await Deno.stat(file).then(({ isFile }) => isFile ? file : undefined, () => undefined);
}

/** Every adapted matrix in the order of the layers, queries first; the classifier is passed over. */
export async function readAuthors(file: string): Promise<AuthorsModule[]> {
  const { tensors } = await readSafetensors(file);
  return factorsOf(tensors).map(({ layer, site, factors }) => {
    return { layer, site, spectrum: spectrum(factors) };
  });
}

/** Pairs of A and B by their names. */
export function factorsOf(tensors: ReadonlyMap<string, HostTensor>) {
  const found: (Pick<AuthorsModule, "layer" | "site"> & { factors: LowRankUpdate })[] = [];
  for (const [key, A] of tensors) {
    const match = /^(.*\.layer\.(\d+)\..*\.(query|value))\.lora_A$/.exec(key);
    if (!match) continue;
    const [, name, layer, site] = match, B = tensors.get(`${name}.lora_B`);
    if (!B) throw new RangeError(`A and B must come in pairs, found no ${name}.lora_B`);
    const factors = { module: name, A, B, scaling };
    found.push({ layer: Number(layer), site: site as "query" | "value", factors });
  }
  return found.sort((a, b) => a.site.localeCompare(b.site) || a.layer - b.layer);
}
