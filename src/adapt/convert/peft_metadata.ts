/** What PEFT's configuration says of an adapter beside its update, in the metadata of other programs' files. @module */

import { isRecord, isText, jsonValue } from "../../core/json.ts";
import type { AdapterRecord } from "../../formats/mod.ts";
import { labelsMetadata, parseLabels } from "../../formats/labels_metadata.ts";
import { parsePromptFormat, promptMetadata } from "../../formats/prompt_metadata.ts";
import { parseStart, startMetadata } from "../../formats/start_metadata.ts";

type PeftFacts =
  | "baseModelName"
  | "taskType"
  | "fanInFanOut"
  | "labels"
  | "promptFormat"
  | "start";

/** The key in `__metadata__`: fields of PEFT's configuration; other programs pass over it. */
const KEY = "lowrank.peft";

/** Metadata with what neither kohya's form nor loralib's has a place for. */
export function peftMetadata(
  { baseModelName, taskType, fanInFanOut, labels, promptFormat, start }: AdapterRecord,
): Record<string, string> {
  const fields = {
    base_model_name_or_path: baseModelName,
    task_type: taskType,
    fan_in_fan_out: fanInFanOut,
  };
  return {
    [KEY]: JSON.stringify(fields),
    ...labelsMetadata(labels),
    ...promptMetadata(promptFormat),
    ...startMetadata(start),
  };
}

/**
 * What {@link peftMetadata} has written; without it, no task is known.
 *
 * @throws {Error} when labels or prompts in it are broken.
 */
export function parsePeftMetadata(
  metadata: Readonly<Record<string, string>>,
): Pick<AdapterRecord, PeftFacts> {
  const stated = Object.hasOwn(metadata, KEY) ? jsonValue(metadata[KEY]) : undefined;
  const { base_model_name_or_path: base, task_type: task, fan_in_fan_out } = isRecord(stated)
    ? stated
    : {} as Record<string, unknown>;
  return {
    baseModelName: isText(base) ? base : undefined,
    taskType: isText(task) ? task : null,
    fanInFanOut: fan_in_fan_out === true,
    labels: parseLabels(metadata),
    promptFormat: parsePromptFormat(metadata),
    start: parseStart(metadata),
  };
}
