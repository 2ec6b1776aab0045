/** What a combined adapter holds beside its updates. @module */

import type { AdapterRecord, BiasMode } from "../../formats/mod.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { baseNameIn } from "../adapter.ts";
import type { WeightedRecord } from "./read_adapters.ts";
import { sumOfRows, sumOfTensors } from "./trained_in_full.ts";

/** What {@link recordOfSum} gives. */
export interface CombinedRecord {
  /** All but the updates and their type. */
  readonly record: Omit<AdapterRecord, "updates" | "dtype">;
  /** Facts that adapters do not share, and the result therefore does not state. */
  readonly notes: readonly string[];
}

/**
 * Sums what was trained in full, and takes over what all adapters say.
 *
 * @throws {RangeError} when a tensor of the base is needed and there is none, or labels or shapes differ.
 */
export async function recordOfSum(
  adapters: readonly WeightedRecord[],
  folder: string | undefined,
  base: BaseFile | undefined,
): Promise<CombinedRecord> {
  const records = adapters.map(({ record }) => record), notes: string[] = [];
  const saved = await sumOfTensors(adapters, ({ saved }) => saved, base);
  const biases = await sumOfTensors(adapters, ({ biases }) => biases, base);
  const modules = records.flatMap(({ savedModules = [] }) => savedModules);
  const agreed = <Fact>(
    what: string,
    facts: readonly Fact[],
    advice: string,
  ): Fact | undefined => {
    if (new Set(facts.map((fact) => JSON.stringify(fact))).size === 1) return facts[0];
    notes.push(
      `the adapters do not agree on how ${what}: the result does not say it, so ${advice}`,
    );
  };
  const withHead = records.find(({ saved }) => saved?.size) ?? records[0];
  const record: CombinedRecord["record"] = {
    ...{ saved, biases, biasMode: modeOf(records), rows: await sumOfRows(adapters, base) },
    ...modules.length > 0 && { savedModules: [...new Set(modules)] },
    labels: labelsOf(adapters),
    baseModelName: baseNameIn(folder) ?? records.find((each) => each.baseModelName)?.baseModelName,
    taskType: withHead.taskType,
    fanInFanOut: records.some(({ fanInFanOut }) => fanInFanOut),
    start: records.length === 1 ? records[0].start : undefined,
    promptFormat: agreed(
      "prompts were written",
      records.map((each) => each.promptFormat),
      "write each prompt in full, or let --prompt-template of evaluate do it",
    ),
    quantizedBase: agreed(
      "the base was quantized",
      records.map((each) => each.quantizedBase),
      "say with --base-dtype how to load it",
    ),
  };
  return { record, notes };
}

/** The widest of them. */
function modeOf(records: readonly AdapterRecord[]): BiasMode {
  const modes = records.map(({ biasMode }) => biasMode);
  return modes.includes("all") ? "all" : modes.includes("lora_only") ? "lora_only" : "none";
}

/** A sum of heads is one only of heads for the same labels. */
function labelsOf(adapters: readonly WeightedRecord[]): readonly string[] | undefined {
  const [first, ...others] = adapters.filter(({ record }) => record.labels);
  const other = others.find(({ record }) => String(record.labels) !== String(first.record.labels));
  if (other === undefined) return first?.record.labels;
  throw new RangeError(
    `combine needs one list of labels, found ${first.record.labels} in ${first.folder} and ${other.record.labels} ` +
      `in ${other.folder}`,
  );
}
