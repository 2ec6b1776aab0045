/** Adapters that began with the same random values. @module */

import { isHubName } from "../core/hub/name.ts";
import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { fileIn } from "../core/storage.ts";
import { asStart, type RandomStart } from "../formats/start_metadata.ts";

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
 * A sentence for adapters that are the same, and for those that share a start: what such adapters have in common says
 * nothing of their training.
 *
 * @param starts Of each adapter, in the order in which they are numbered from 1; of two, they are called both.
 * @param isSame Tells adapters with the same values, by their positions.
 * @param here How much those of one start share in this comparison, if a number says it.
 */
export function sameStart(
  starts: readonly (RandomStart | undefined)[],
  isSame: (one: number, other: number) => boolean,
  here = "",
): string | undefined {
  const who = (own: readonly number[]) =>
    starts.length === 2 ? "both" : own.map((i) => i + 1).join(" and ");
  const severalOf = (groups: Map<unknown, number[]>) =>
    [...groups.values()].filter((own) => own.length > 1);
  const all = [...starts.keys()];
  const firstLike = (i: number) => all.find((j) => j === i || isSame(i, j))!;
  const same = severalOf(Map.groupBy(all, firstLike));
  const known = all.filter((i) => starts[i] && firstLike(i) === i);
  const started = severalOf(Map.groupBy(known, (i) => `${starts[i]!.init} ${starts[i]!.seed}`));
  const said = [
    ...same.map((own) => `${who(own)} have the same A and B, so that they share all directions`),
    ...started.map((own) => {
      const { seed } = starts[own[0]]!, shared = "because of their start, beside what they learned";
      const sentence = `started from seed ${seed}: they share directions ${shared}${here}`;
      return `${who(own)} ${sentence}; compare adapters of different seeds`;
    }),
  ];
  return said.length > 0 ? said.join("; ") : undefined;
}

/** The seeds for a JSON document: null where nobody knows. */
export const seedsOf = (starts: readonly (RandomStart | undefined)[]): (number | null)[] =>
  starts.map((start) => start?.seed ?? null);
