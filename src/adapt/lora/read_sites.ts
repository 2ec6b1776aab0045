/** Reading what the sites of an adapter hold. @module */

import type { TrainedUpdate } from "../../formats/mod.ts";
import { addressOf } from "../sites.ts";
import { DoraSite } from "./dora_site.ts";
import type { LoraSite } from "./lora_site.ts";

/** Reads A and B of every site, with the bias or magnitude of those that have one. */
export async function readSites(sites: readonly LoraSite[]): Promise<TrainedUpdate[]> {
  if (sites.length === 0) return [];
  const tensors = sites.flatMap(({ parameters }) => parameters.map(({ tensor }) => tensor));
  const values = (await tensors[0].device.read(...tensors)).values();
  return sites.map((site) => {
    const [A, B, vector] = site.parameters.map(() => values.next().value!);
    const { linear, rows, scaling } = site;
    const more = vector && (site instanceof DoraSite ? { magnitude: vector } : { bias: vector });
    return { ...addressOf(linear, rows), A, B, scaling, ...more };
  });
}
