/** An adapter as a record for a file. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { moduleOf } from "../../core/module_names.ts";
import { boundsOf } from "../../core/numbers.ts";
import { isTable } from "../../formats/adapter_weights.ts";
import type { AdapterRecord } from "../../formats/mod.ts";
import { labelsOf } from "../../models/labels.ts";
import { TextModel } from "../../models/text_model.ts";
import { baseNameOf, quantizedBaseOf } from "../adapter.ts";
import { inFileOrder } from "../file_order.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import type { RandomStart } from "../../formats/start_metadata.ts";
import type { Model } from "../../models/model.ts";
import type { AdaptedLayer } from "../../nn/embedding.ts";
import { Linear } from "../../nn/linear.ts";
import type { LoraSite } from "./lora_site.ts";
import { readSites } from "./read_sites.ts";
import type { TrainedParts } from "./trained_parts.ts";

/** What a record is made of. */
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
  const labels = model instanceof TextModel && ownModules.size > 0 ? labelsOf(model) : undefined;
  const { untied } = adapter.modules;
  const trained = { updates, saved, biases, biasMode, rows: await adapter.tokens.read() };
  return {
    ...trained,
    baseModelName: baseNameOf(model),
    fanInFanOut: isStoredTurned(model, sites.map(({ linear }) => linear)),
    dropout,
    promptFormat,
    start,
    quantizedBase: quantizedBaseOf(model),
    labels,
    taskType: taskTypeOf(model, ownModules.size > 0),
    ...untied.length > 0 && { savedModules: [...untied, ...modulesWithoutTables(ownModules)] },
  };
}

/** Whether files hold a layer's weight as (in, out): PEFT sets a flag for such layers, which are Conv1D. */
export function isStoredTurned(
  { architecture }: Model,
  layers: readonly Pick<AdaptedLayer, "weight">[],
): boolean {
  const turned = architecture?.tensors.filter(({ storedTransposed }) => storedTransposed);
  const names = new Set(turned?.map(({ name }) => name));
  return layers.some((layer) => layer instanceof Linear && names.has(layer.weight.name));
}

/** What PEFT calls the task of a model, whose classifier an adapter may have trained. */
export function taskTypeOf(model: Model, withModules: boolean): string | null {
  if (!(model instanceof TextModel)) return "CAUSAL_LM";
  if (withModules && labelsOf(model)) return "SEQ_CLS";
  return model.isCausal ? "CAUSAL_LM" : null;
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
