/** A cell of the encoder study beside transformers: full fine-tuning on TREC, same texts, same rate. */

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import measured from "../../../experiments/encoder_study/encoder_study.json" with { type: "json" };
import { studyRateOf } from "../../../experiments/encoder_study/rates.ts";
import { cellOf, type StudyRow, taskResults } from "../../../experiments/encoder_study/rows.ts";
import { openStudy, studyMethods, studySizes } from "../../../experiments/encoder_study/runs.ts";
import {
  encoderPath,
  findStudyData,
  studyTasks,
} from "../../../experiments/encoder_study/tasks.ts";
import { mean, standardDeviation } from "../../../src/core/numbers.ts";
import { withFolder } from "../../support/folders.ts";
import { pythonHas, runPython } from "../../support/python.ts";

const data = await findStudyData();

/** Student's t for four degrees of freedom, two-sided 1%: what two equal programs stay within. */
const mostDeviations = 4.604;

const task = studyTasks.find(({ name }) => name === "TREC")!, [full] = studyMethods;

/** Accuracies of transformers with the study's texts and rate, in percent, one for each seed. */
async function theirAccuracies(folder: string): Promise<number[]> {
  const { train, test } = await openStudy(data!, studySizes).texts(task);
  const { batch, epochs } = studySizes, learningRate = studyRateOf(task, full);
  const texts = { train: train.rows, test: test.rows, labels: train.labels.length };
  const given = { ...texts, batch, epochs, learningRate, seeds: measured.seeds };
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
  ignore: !data || !await pythonHas("transformers", "torch"),
  fn: () =>
    withFolder(async (folder) => {
      const theirs = await theirAccuracies(folder), rows = measured.rows as StudyRow[];
      const trec = taskResults(rows).find((result) => result.task === task.name)!;
      const ours = cellOf(trec, "full").runs.map(({ accuracy }) => accuracy);
      const spread = Math.hypot(standardDeviation(ours), standardDeviation(theirs));
      const most = mostDeviations * spread / Math.sqrt(ours.length);
      assert(Math.abs(mean(theirs) - mean(ours)) <= most, `theirs ${theirs}, ours ${ours}`);
    }),
});
