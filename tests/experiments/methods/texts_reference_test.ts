/** Full fine-tuning on TREC beside transformers: same texts, same rate, as many steps. */

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import {
  openWhole,
  searched,
  textMethods,
  textRateOf,
  wholeSizes,
} from "../../../experiments/methods/texts/plan.ts";
import type { TextRow } from "../../../experiments/methods/texts/rows.ts";
import { encoderPath, findTextData, textTasks } from "../../../experiments/methods/texts/tasks.ts";
import shipped from "../../../experiments/methods/texts/texts.json" with { type: "json" };
import { mean, standardDeviation } from "../../../src/core/numbers.ts";
import { withFolder } from "../../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../../scripts/support/python.ts";

const data = await findTextData();

/** Student's t for four degrees of freedom, two-sided 1%: what two equal programs stay within. */
const mostDeviations = 4.604;

const task = textTasks.find(({ name }) => name === "TREC")!, [full] = textMethods;

/** Accuracies of transformers with the study's texts and rate, in percent, one for each seed. */
async function theirAccuracies(folder: string): Promise<number[]> {
  const { train, test } = await (await openWhole(false))!.texts(task);
  const { batch, passes, warmup } = wholeSizes.TREC, { learningRate } = textRateOf(task, full);
  const texts = { train: train.rows, test: test.rows, labels: train.labels.length };
  const given = { ...texts, batch, passes, warmup, learningRate, seeds: shipped.seeds };
  const paths = [join(data!, encoderPath), `${folder}/case.json`];
  await Deno.writeTextFile(paths[1], JSON.stringify(given));
  const { code, text } = await runPython("scripts/golden/check_study.py", paths);
  assertEquals(code, 0, text);
  // Its warnings stand on other lines.
  const shares: number[] = JSON.parse(text.split("\n").find((line) => /^\[\d/.test(line))!);
  return shares.map((share) => 100 * share);
}

Deno.test({
  name: "transformers' accuracies on TREC are the study's, within the spread of the seeds",
  ignore: !data || searched.length === 0 || !await pythonHas("transformers", "torch"),
  fn: () =>
    withFolder(async (folder) => {
      const theirs = await theirAccuracies(folder), rows = shipped.rows as readonly TextRow[];
      const own = rows.filter((row) => row.task === task.name && row.key === full.key);
      const ours = own.map(({ value }) => value);
      const spread = Math.hypot(standardDeviation(ours), standardDeviation(theirs));
      const most = mostDeviations * spread / Math.sqrt(ours.length);
      assert(Math.abs(mean(theirs) - mean(ours)) <= most, `theirs ${theirs}, ours ${ours}`);
    }),
});
