/** An adapter of low-rank updates as a record: its values, read from the device. @module */

import type { PromptFormat } from "../../core/batch.ts";
import { moduleOf } from "../../core/module_names.ts";
import { boundsOf } from "../../core/numbers.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { stackRows } from "../../formats/peft/comparable.ts";
import { isTable } from "../../formats/peft/keys.ts";
import type { RandomStart } from "../../formats/peft/metadata.ts";
import type { AdapterRecord, TrainedUpdate } from "../../formats/peft/record.ts";
import { transpose } from "../../models/layers.ts";
import type { Model } from "../../models/model.ts";
import { quantizedBaseOf } from "../adapter.ts";
import { baseNameOf, isStoredTurned, labelsFor, taskTypeOf } from "../save.ts";
import { addressOf } from "../sites.ts";
import { inFileOrder, type TrainedParts } from "../trained_modules.ts";
import { DoraSite, LoraEmbedding, type LoraSite } from "./site.ts";

/**
 * Reads A and B of every site, with the bias or magnitude of those that have one. A site with start values
 * is converted to LoRA: s B A − s B₀ A₀ is s [B, −B₀] [A; A₀], of twice the rank.
 */
export async function readSites(
  sites: readonly LoraSite[],
  starts: readonly LoraSite[] = [],
): Promise<TrainedUpdate[]> {
  if (sites.length === 0) return [];
  const tensors = [...sites, ...starts].flatMap((site) => site.tensors);
  const values = await sites[0].A.tensor.device.read(...tensors.map(({ tensor }) => tensor));
  const of = new Map(tensors.map((parameter, i) => [parameter, values[i]]));
  return sites.map((site) => {
    const [own, B, vector] = site.tensors.map((parameter) => of.get(parameter)!);
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

/** Sources of a record. */
interface Recorded extends Required<TrainedParts> {
  readonly model: Model;
  readonly sites: readonly LoraSite[];
  readonly starts: readonly LoraSite[];
  readonly promptFormat?: PromptFormat;
  readonly randomStart?: RandomStart;
}

/** Reads all that an adapter trains, and what else its file says. */
export async function recordOf(adapter: Recorded): Promise<AdapterRecord> {
  const { sites, starts, model, promptFormat, randomStart: start, biasMode } = adapter;
  const updates = await readSites(sites, starts);
  const ownModules = inFileOrder(model, await adapter.modules.read()),
    biases = await adapter.biases.read();
  const saved = new Map([...ownModules, ...tablesOf(sites, await adapter.tables.read())]);
  const [, dropout] = boundsOf(sites.map(({ dropout }) => dropout));
  const { untied } = adapter.modules;
  const trained = { updates, saved, biases, biasMode, rows: await adapter.tokens.read() };
  return {
    ...trained,
    baseModelName: baseNameOf(model),
    fanInFanOut: isStoredTurned(model, sites.map(({ linear }) => linear)),
    dropout,
    promptFormat,
    start,
    freezeA: sites.some(({ A }) => !A.trainable),
    quantizedBase: quantizedBaseOf(model),
    labels: labelsFor(model, ownModules.size > 0),
    taskType: taskTypeOf(model, ownModules.size > 0),
    ...untied.length > 0 && { savedModules: [...untied, ...modulesWithoutTables(ownModules)] },
  };
}

/** Frozen weights by the names of the adapted layers: a head's and an embedding's may be one. */
const tablesOf = (sites: readonly LoraSite[], tables: ReadonlyMap<string, HostTensor>) =>
  sites.flatMap(({ linear: { name, weight } }) => {
    const values = tables.get(weight.name);
    return values ? [[`${name}.weight`, values] as const] : [];
  });

/** PEFT would untie the head of a table that is trained with it. */
const modulesWithoutTables = (saved: ReadonlyMap<string, HostTensor>): string[] =>
  [...saved.keys()].filter((name) => !isTable(name)).map(moduleOf);
