/** Shipped files of the encoder study: rates of the search, rows that the default job quotes. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import measured from "../../../experiments/encoder_study/encoder_study.json" with { type: "json" };
import { encoderStudy } from "../../../experiments/encoder_study/encoder_study.ts";
import found from "../../../experiments/encoder_study/learning_rates.json" with { type: "json" };
import { bestOfTried, meansOfTried } from "../../../experiments/encoder_study/rates.ts";
import { studyRateOf, triedRates } from "../../../experiments/encoder_study/rates.ts";
import { rankOf, studyMethods, studyRates } from "../../../experiments/encoder_study/runs.ts";
import { studySizes } from "../../../experiments/encoder_study/runs.ts";
import { searchedTasks, studyTasks } from "../../../experiments/encoder_study/tasks.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { plotSvg } from "../../../src/figures/still.ts";
import { figureFaults } from "../../support/figure_rules.ts";

Deno.test("as many rates were tried for each method on each task, and with a seed that is not reported", () => {
  for (const task of searchedTasks) {
    for (const method of studyMethods) {
      const tried = triedRates(task.name, method).map(({ learningRate }) => learningRate);
      assertEquals(tried.toSorted((a, b) => a - b), [...studyRates[method.places]]);
    }
  }
  const { split, seed, tried: _, ...sizes } = found;
  assertEquals([split, sizes], ["validation", { ...studySizes }]);
  assert(!measured.seeds.includes(seed));
});

Deno.test("the best rate has the highest accuracy, and of equals the lowest loss", () => {
  const tried = [[1, 0.5, 2], [2, 0.9, 3], [3, 0.9, 1], [4, 0.8, 0]];
  const rates = tried.map(([learningRate, accuracy, loss]) => ({ learningRate, accuracy, loss }));
  assertEquals(bestOfTried(rates).learningRate, 3);
  assertEquals(bestOfTried(rates.toReversed()).learningRate, 3);
});

Deno.test("a task without a search takes the rate that is best on average of the others", () => {
  for (const method of studyMethods) {
    const own = searchedTasks.map(({ name }) => triedRates(name, method));
    const means = own[0].map((
      { learningRate, accuracy },
      i,
    ) => [learningRate, (accuracy + own[1][i].accuracy) / 2]);
    assertEquals(
      meansOfTried(method).map(({ learningRate, accuracy }) => [learningRate, accuracy]),
      means,
    );
    const best = Math.max(...means.map(([, accuracy]) => accuracy));
    const [rate] = means.find(([, accuracy]) => accuracy === best)!;
    assertEquals(studyRateOf(studyTasks.at(-1)!, method), rate);
  }
});

Deno.test("every run is shipped, with the rate of the search", () => {
  const wanted = studyTasks.flatMap((task) =>
    studyMethods.flatMap((method) =>
      measured.seeds.map((seed) =>
        [task.name, method.places, rankOf(method), seed, studyRateOf(task, method)].join()
      )
    )
  );
  const shipped = measured.rows.map(({ task, places, rank, seed, learningRate }) =>
    [task, places, rank, seed, learningRate].join()
  );
  assertEquals(shipped, wanted);
});

Deno.test("the default job quotes the study with its commit, and its pictures are whole", async () => {
  using device = new DryDevice();
  const { signal } = new AbortController(), report = () => {};
  const context = { device, seeds: [1], quick: false, full: false, out: "", signal, report };
  const { settings, findings, tables, figures } = await encoderStudy.run(context);
  assertMatch(
    settings,
    /Seeds: 1, 2, 3\. Quoted, not measured in this job: --full, commit [0-9a-f]{7}/,
  );
  assertEquals(findings.length, 3);
  for (const { ours } of findings) assertStringIncludes(ours!, "(quoted)");
  assertEquals(tables.map(({ rows }) => rows.length), [15, 36]);
  const [{ columns, rows: [guessing, full, ...lora] }] = tables;
  const filled = (row: typeof full) => columns.filter(({ key }) => row[key] !== undefined).length;
  assertEquals([guessing, full, lora[0]].map(filled), [3, 6, columns.length]);
  for (const figure of figures) {
    assertEquals(figureFaults(figure), []);
    assertMatch(await plotSvg(figure), /^<svg/);
  }
});
