/**
 * Makes all runs of the study of a real base (experiments/rank_real), one after the other, on one thread. A stop
 * loses at most 100 steps: the same command continues. On another machine it leaves out what `ship:real` has saved of
 * searches, and of runs whose adapters nothing else reads.
 *
 *     deno task train:real results/real
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TriedRates } from "../experiments/methods/rates.ts";
import rates from "../experiments/rank_real/learning_rates.json" with { type: "json" };
import losses from "../experiments/rank_real/losses.json" with { type: "json" };
import type { RealRow } from "../experiments/rank_real/rows.ts";
import { keepSource, sourceNow, sourceText } from "../experiments/rank_real/shipped_rows.ts";
import { makeAll } from "../experiments/rank_real/stages.ts";
import { findReal, openReal } from "../experiments/rank_real/task.ts";
import { checkedOutCommit } from "../experiments/frame/checkout.ts";
import { writeJsonAtomic } from "../src/storage/files.ts";
import { kindOf } from "../src/storage/storage.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";

/** The file in the folder of runs that has {@link FoundRates}. */
export const ratesFile = "rates.json";

/** The file in a run's own folder that has the losses with its intruders scaled. */
export const scaledFile = "scaled.json";

/** The losses that every rate gave, as far as they were searched, by the method's key; and the commit that trains. */
export interface FoundRates {
  readonly commit?: string;
  readonly tried: Readonly<Record<string, TriedRates>>;
}

if (import.meta.main) {
  const [folder = "results/real"] = Deno.args, places = await findReal();
  if (!places) throw new RangeError("training needs LOWRANK_DATA with the base, E2E and a novel");
  using device = await openCpuDevice({ threads: 1 });
  const say = (text: string) => console.log(`${new Date().toISOString()} ${text}`);
  const commit = await checkedOutCommit(fileURLToPath(new URL("..", import.meta.url)));
  say(`commit ${commit}, ${device.description}`);
  await makeAll(openReal(places), { device, folder }, {
    searched: (tried) => writeJsonAtomic(join(folder, ratesFile), { commit, tried }),
    async made({ folder, device }, label, isNew) {
      if (isNew) await keepSource(folder, sourceNow(commit, device));
      say(label);
    },
    async scaling({ folder }, label, scale) {
      const file = join(folder, scaledFile);
      if (await kindOf(file) !== "file") {
        const source = sourceText(sourceNow(commit, device.description));
        await writeJsonAtomic(file, (await scale()).map((row) => ({ ...row, source })));
      }
      say(`intruders of ${label}`);
    },
  }, {
    tried: rates.tried as FoundRates["tried"],
    rows: losses.rows.rows as unknown as readonly RealRow[],
  });
}
