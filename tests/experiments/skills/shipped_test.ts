/** The map's shipped rows, of whole seeds and with the rates of the search, and pictures of them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  type Arm,
  armKey,
  mapCells,
  mapRateOf,
  searchedCells,
} from "../../../experiments/skills/needed_rank/runs.ts";
import found from "../../../experiments/skills/needed_rank/learning_rates.json" with {
  type: "json",
};
import measured from "../../../experiments/skills/needed_rank/needed_rank.json" with {
  type: "json",
};
import { neededRankMap } from "../../../experiments/skills/needed_rank/needed_rank.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { plotSvg } from "../../../src/figures/still.ts";
import { figureFaults } from "../../support/figure_rules.ts";

/** A run's task, arm, base and steps in one word. */
const wordOf = (task: string, { steps = 300, base = "trained", ...arm }: Arm, ...more: number[]) =>
  [task, armKey(arm), base, steps, ...more].join();

Deno.test("the search tried three rates at least for each of its arms, on inputs for validation", () => {
  const tried = found.tried as Record<string, Record<string, Record<string, unknown>>>;
  assertEquals([found.split, found.steps], ["validation", 300]);
  for (const { task: { name }, arm } of searchedCells) {
    const own = tried[arm.base === "untrained" ? `untrained, ${name}` : name][armKey(arm)];
    const { length } = Object.keys(own);
    assert(length >= 3 && length <= 5, `${name}, ${armKey(arm)}: ${length}`);
  }
});

Deno.test("every run of every seed is shipped, once, with the rate of the search", () => {
  const wanted = measured.seeds.flatMap((seed) =>
    mapCells.map(({ task, arm }) => wordOf(task.name, arm, seed, mapRateOf(task, arm).learningRate))
  );
  const shipped = measured.rows.mapRuns.map(({ task, seed, learningRate, ...arm }) =>
    wordOf(task, arm as Arm, seed, learningRate)
  );
  assertEquals(shipped.toSorted(), wanted.toSorted());
  for (const { right, before, texts, task } of measured.rows.mapRuns) {
    assert(right >= 0 && right <= 100 && texts >= 250 && texts <= 600, task);
    assert(before <= 1, `the base does nothing of ${task}`);
  }
});

Deno.test("the default job quotes the map with its commit, and its pictures are whole", async () => {
  using device = new DryDevice();
  const { signal } = new AbortController(), report = () => {};
  const context = { device, seeds: [1], quick: false, full: false, out: "", signal, report };
  const { settings, findings, tables, figures } = await neededRankMap.run(context);
  assertMatch(settings, /Quoted, not measured in this job: --full, commit [0-9a-f]{7}/);
  assertEquals(findings.length, 11);
  for (const { ours } of findings) assertStringIncludes(ours!, "(quoted)");
  assertEquals(tables[1].rows.length, measured.rows.mapRuns.length);
  for (const figure of figures) {
    assertEquals(figureFaults(figure), []);
    assertMatch(await plotSvg(figure), /^<svg/);
  }
});
