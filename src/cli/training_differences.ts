/** In what two trainings differ, in words. @module */

import { canonicalJson } from "../core/digest.ts";
import { isRecord, isText } from "../core/json.ts";
import { quote } from "../core/quote.ts";

/** A specification, which may come from a file. */
type Spec = Readonly<Record<string, unknown>>;

/**
 * In what a training that was found differs from the one that was asked for: `learningRate 0.001 instead of
 * 0.002 and another base model`. Empty if they are the same, or nothing is known of the one found.
 */
export function differencesOf(found: unknown, asked: Spec): string {
  if (!isRecord(found)) return "";
  const there = partsOf(found), here = partsOf(asked);
  const names = Object.keys({ ...there, ...here }).filter((name) =>
    canonicalJson(there[name] ?? null) !== canonicalJson(here[name] ?? null)
  );
  return names.map((name) => difference(name, there[name], here[name])).join(" and ");
}

function difference(name: string, found: unknown, asked: unknown): string {
  if ([found, asked].some(isRecord)) return `another ${name}`;
  return `${name} ${said(found)} instead of ${said(asked)}`;
}

const said = (value: unknown): string => value === undefined ? "by default" : quote(value);

/** The parts of a specification by the names that users know; digests are records, to be called another. */
function partsOf({ model, method, data, training, seed, device }: Spec): Record<string, unknown> {
  const { base, adapter, baseDtype } = fieldsOf(model),
    { batches, texts, validation, ...reading } = fieldsOf(data);
  const { kind, ...settings } = fieldsOf(method);
  return {
    "base model": base,
    "adapter to begin with": adapter,
    "base-dtype": baseDtype,
    method: kind,
    ...settings,
    batches: batches && { batches },
    data: texts && { texts },
    "held-out texts": isDigest(validation) ? { validation } : validation,
    ...reading,
    ...fieldsOf(training),
    seed,
    device,
  };
}

const isDigest = (value: unknown): boolean => isText(value) && value.length === 64;

const fieldsOf = (value: unknown): Spec => isRecord(value) ? value : {};
