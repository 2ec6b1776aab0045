/** An adapter as a record for a file. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { moduleOf } from "../../core/module_names.ts";
import { boundsOf } from "../../core/numbers.ts";
import { isTable } from "../../formats/adapter_weights.ts";
import type { AdapterRecord } from "../../formats/mod.ts";
import { labelsOf } from "../../models/labels.ts";
import { TextModel } from "../../models/text_model.ts";
import { baseNameOf } from "../adapter.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import type { Model } from "../../models/model.ts";
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
}

/** Reads all that an adapter trains, and what else its file says. */
export async function recordOf(adapter: Recorded): Promise<AdapterRecord> {
  const { sites, starts, model, promptFormat, biasMode } = adapter;
  const updates = await readSites(sites, starts);
  const ownModules = await adapter.modules.read(), biases = await adapter.biases.read();
  const saved = new Map([...ownModules, ...tablesOf(sites, await adapter.tables.read())]);
  const transposed = model.architecture?.tensors.filter((tensor) => tensor.storedTransposed);
  const names = new Set(transposed?.map(({ name }) => name));
  // PEFT sets the flag for Conv1D layers, whose files hold (in, out).
  const matrices = sites.filter(({ linear }) => linear instanceof Linear);
  const fanInFanOut = matrices.some(({ linear }) => names.has(linear.weight.name));
  const [, dropout] = boundsOf(sites.map(({ dropout }) => dropout));
  const labels = model instanceof TextModel && ownModules.size > 0 ? labelsOf(model) : undefined;
  const isOther = model instanceof TextModel && !model.isCausal;
  const task = labels ? { taskType: "SEQ_CLS", labels } : isOther ? { taskType: null } : {};
  const { untied } = adapter.modules;
  const trained = { updates, saved, biases, biasMode, rows: await adapter.tokens.read() };
  return {
    ...trained,
    baseModelName: baseNameOf(model),
    fanInFanOut,
    dropout,
    promptFormat,
    ...task,
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
