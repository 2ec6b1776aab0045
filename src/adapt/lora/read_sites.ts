/** Reading what the sites of an adapter hold. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { stackRows } from "../../formats/join_updates.ts";
import type { TrainedUpdate } from "../../formats/mod.ts";
import { transpose } from "../../models/transpose.ts";
import { addressOf } from "../sites.ts";
import { DoraSite } from "./dora_site.ts";
import { LoraEmbedding } from "./lora_embedding.ts";
import type { LoraSite } from "./lora_site.ts";

/**
 * Reads A and B of every site, with the bias or magnitude of those that have one. A site with start values
 * is converted to LoRA: s B A − s B₀ A₀ is s [B, −B₀] [A; A₀], of twice the rank.
 */
export async function readSites(
  sites: readonly LoraSite[],
  starts: readonly LoraSite[] = [],
): Promise<TrainedUpdate[]> {
  if (sites.length === 0) return [];
  const tensors = [...sites, ...starts].flatMap((site) => site.parameters);
  const values = await sites[0].A.tensor.device.read(...tensors.map(({ tensor }) => tensor));
  const of = new Map(tensors.map((parameter, i) => [parameter, values[i]]));
  return sites.map((site) => {
    const [own, B, vector] = site.parameters.map((parameter) => of.get(parameter)!);
    const isEmbedding = site instanceof LoraEmbedding, A = isEmbedding ? transpose(own) : own;
    const start = starts.find(({ name }) => name === site.name);
    const factors = start ? converted(A, B, of.get(start.A)!, of.get(start.B)!) : { A, B };
    const more = vector && (site instanceof DoraSite ? { magnitude: vector } : { bias: vector });
    const { linear, rows, scaling } = site;
    return {
      ...addressOf(linear, rows),
      ...factors,
      scaling,
      ...more,
      ...isEmbedding && { isEmbedding },
    };
  });
}

/**
 * Throws for sites that are no products of B and A.
 *
 * @throws {RangeError} then.
 */
export function assertLowRank(action: string, sites: readonly LoraSite[]): void {
  const dora = sites.find((site) => site instanceof DoraSite);
  if (dora) {
    throw new RangeError(`${action} needs updates scaling · B A, found DoRA on ${dora.name}`);
  }
}

/** [A; A₀] and [B, −B₀]. */
function converted(A: HostTensor, B: HostTensor, A0: HostTensor, B0: HostTensor) {
  const [rank] = A.shape, [out] = B.shape, both = new Float32Array(2 * rank * out);
  for (let row = 0; row < out; row++) {
    for (let r = 0; r < rank; r++) {
      both[2 * rank * row + r] = B.data[rank * row + r];
      both[2 * rank * row + rank + r] = -B0.data[rank * row + r];
    }
  }
  return { A: stackRows([A, A0]), B: { shape: [out, 2 * rank], data: both } };
}
