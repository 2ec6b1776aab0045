/** Files of loralib as records, and records as its tensors. @module */

import { AdapterFileError } from "../../core/errors.ts";
import { fitsFloat32 } from "../../core/float32.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { isRecord, jsonValue } from "../../core/json.ts";
import { moduleOf } from "../../core/module_names.ts";
import { quote } from "../../core/quote.ts";
import { countRows, rangesOf } from "../../core/row_range.ts";
import {
  type AdapterRecord,
  alphaOf,
  loralibTensors,
  loralibUpdates,
  type LowRankUpdate,
  splitUpdate,
} from "../../formats/mod.ts";
import type { ForeignFacts } from "./foreign_facts.ts";

/** The key in the metadata of our files: α, and `enable_lora`, which such a file does not say otherwise. */
const KEY = "lowrank.loralib";

/** Zeros fill the parts without an update, so that a file must not ask for any number of them. */
const mostParts = 16;

interface Stated {
  readonly alpha?: number;
  readonly enabled?: readonly boolean[];
}

/**
 * The updates of a file, with all that was trained beside them: biases by themselves are those of the base,
 * anything else are modules in full.
 *
 * @throws {AdapterFileError} when the file holds weights of adapted layers, or no α is known or F32 cannot hold it.
 */
export function loralibRecord(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
  facts: ForeignFacts,
): AdapterRecord {
  const stated = statedIn(metadata), { alpha = stated.alpha, enabled = stated.enabled } = facts;
  if (alpha === undefined) {
    throw new AdapterFileError("a file of loralib does not say its alpha: give --alpha");
  }
  if (!fitsFloat32(alpha)) {
    throw new AdapterFileError(`the alpha of loralib must be finite in F32, found ${alpha}`);
  }
  const whole = loralibUpdates(tensors, 1, { enabled });
  const updates = whole.map((update) => ({ ...update, scaling: alpha / update.A.shape[0] }));
  const others = [...tensors].filter(([name]) => !/\.lora_[AB]$/.test(name));
  const adapted = new Set(updates.map(({ module }) => module));
  const base = others.find(([name]) => adapted.has(moduleOf(name)) && !name.endsWith(".bias"));
  if (base) {
    throw new AdapterFileError(
      `it must hold what was trained alone (lora_state_dict of loralib), found ${quote(base[0])}`,
    );
  }
  const inFull = new Set(
    others.filter(([name]) => !name.endsWith(".bias")).map(([name]) => moduleOf(name)),
  );
  const isBias = ([name]: readonly [string, HostTensor]) =>
    name.endsWith(".bias") && !inFull.has(moduleOf(name));
  const biases = new Map(others.filter(isBias));
  const isAll = [...biases.keys()].some((name) => !adapted.has(moduleOf(name)));
  return {
    updates,
    saved: new Map(others.filter((entry) => !isBias(entry))),
    biases,
    biasMode: biases.size === 0 ? "none" : isAll ? "all" : "lora_only",
  };
}

function statedIn(metadata: Readonly<Record<string, string>>): Stated {
  const stated = Object.hasOwn(metadata, KEY) ? jsonValue(metadata[KEY]) : undefined;
  const { alpha, enable_lora } = isRecord(stated) ? stated : {} as Record<string, unknown>;
  const isFlags = Array.isArray(enable_lora) && enable_lora.length <= mostParts &&
    enable_lora.every((flag) => typeof flag === "boolean");
  return {
    ...typeof alpha === "number" && Number.isFinite(alpha) && { alpha },
    ...isFlags && { enabled: enable_lora },
  };
}

/** What a file of loralib holds for a record, and the metadata that say what its tensors do not. */
export interface LoralibFile {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** `lora_alpha` that loralib needs. */
  readonly alpha: number;
}

/**
 * The tensors of loralib for a record: `MergedLinear` for a fused weight of which parts have updates. Its one α
 * is that of the first update that has one but 0; B of an update with another is multiplied by their ratio.
 *
 * @param enabled Which parts these are. Default: those that the first of them names.
 */
export function loralibFile(record: AdapterRecord, enabled?: readonly boolean[]): LoralibFile {
  const updates = enabled ? split(record.updates, enabled) : record.updates;
  const parts = enabled ?? partsOf(updates);
  const alpha = alphaOf(updates.find(({ scaling }) => scaling !== 0) ?? updates[0]);
  const ofOneAlpha = updates.map((update) => withAlpha(update, alpha));
  const tensors = loralibTensors(ofOneAlpha, { enabled: parts });
  const stated = JSON.stringify({ alpha, enable_lora: parts }),
    { saved = [], biases = [] } = record;
  return {
    tensors: new Map([...tensors, ...saved, ...biases]),
    metadata: { format: "pt", [KEY]: stated },
    alpha,
  };
}

/** In loralib every layer divides the one α by its own rank, so that no scaling is left to state. */
function withAlpha(update: LowRankUpdate, alpha: number): LowRankUpdate {
  const own = alphaOf(update), ratio = own / alpha, { B } = update;
  if (own === alpha) return { ...update, scaling: 1 };
  const data = Float32Array.from(B.data, (value) => value * ratio);
  return { ...update, B: { ...B, data }, scaling: 1 };
}

/** Updates of a whole weight as those of its enabled parts, where B is zero outside of them. */
function split(updates: readonly LowRankUpdate[], enabled: readonly boolean[]): LowRankUpdate[] {
  return updates.flatMap((update) => {
    const [out] = update.B.shape, count = out / enabled.length, { module } = update;
    if (update.rows || !Number.isInteger(count)) return [update];
    const sites = enabled.flatMap((isEnabled, part) =>
      isEnabled ? [{ module, rows: { start: part * count, count }, outputs: out }] : []
    );
    const parts = splitUpdate(update, sites);
    return parts?.length === sites.length ? parts : [update];
  });
}

/** Which equal parts of a fused weight have updates; one part where no update has rows. */
function partsOf(updates: readonly LowRankUpdate[]): boolean[] {
  const module = updates.find(({ rows }) => rows)?.module;
  const sites = updates.filter((update) => update.module === module && update.rows);
  if (sites.length === 0) return [true];
  const [{ rows, outputs = 0 }] = sites, count = countRows(rows!);
  const starts = new Set(sites.map(({ rows }) => rangesOf(rows!)[0].start));
  return Array.from({ length: Math.round(outputs / count) }, (_, part) => starts.has(part * count));
}
