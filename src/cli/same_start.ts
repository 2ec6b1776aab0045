/** Adapters that began with the same random values. @module */

import { isHubName } from "../core/hub/name.ts";
import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import type { RandomStart } from "../core/random_start.ts";
import { fileIn } from "../core/storage.ts";
import { asStart } from "../formats/start_metadata.ts";

/**
 * The random start of an adapter: as its file records or, of a training before files did, the `run.json` beside it;
 * none if nobody knows.
 */
export async function startOf(
  folder: string,
  { start }: { readonly start?: RandomStart },
): Promise<RandomStart | undefined> {
  if (start || isHubName(folder)) return start;
  const record = await readJson(fileIn(folder, "run.json")).catch(() => undefined);
  const spec = isRecord(record) && isRecord(record.spec) ? record.spec : {};
  const { model, method, seed } = spec;
  const isNew = isRecord(model) && model.adapter === undefined;
  if (!isNew || !isRecord(method) || method.kind !== "lora") return undefined;
  return asStart({ init: method.init ?? "kaiming", seed });
}

/**
 * A sentence for those that share a start: what such adapters have in common says nothing of their training.
 *
 * @param starts Of each adapter, in the order in which they are numbered from 1; of two, they are called both.
 */
export function sameStart(starts: readonly (RandomStart | undefined)[]): string | undefined {
  const known = starts.map((start, i) => ({ start, name: `${i + 1}` }));
  const groups = Map.groupBy(known, ({ start }) => start && `${start.init} ${start.seed}`);
  const said = [...groups].filter(([key, own]) => key !== undefined && own.length > 1)
    .map(([, own]) => {
      const who = starts.length === 2 ? "both" : own.map(({ name }) => name).join(" and ");
      return `${who} started from seed ${own[0].start!.seed}`;
    });
  if (said.length === 0) return undefined;
  return `${said.join(", ")}: they share directions because of their start ` +
    "(of two such adapters, phi of all was 0.97 after 8 steps)";
}

/** The seeds for a JSON document: null where nobody knows. */
export const seedsOf = (starts: readonly (RandomStart | undefined)[]): (number | null)[] =>
  starts.map((start) => start?.seed ?? null);
