import { assert, assertEquals } from "@std/assert";
import index from "../../../models/rank-study/runs.json" with { type: "json" };
import found from "../../../experiments/rank_study/learning_rates.json" with { type: "json" };
import {
  missingRuns,
  shippedAdapter,
  shippedFolder,
} from "../../../experiments/rank_study/adapters.ts";
import {
  budgetRuns,
  largeRank,
  learningRate,
  nameOf,
  rankRuns,
  searched,
  shippedRuns,
  subspaceRuns,
} from "../../../experiments/rank_study/runs.ts";
import { usualFormat } from "../../../src/data/mod.ts";
import { readAdapter } from "../../../src/formats/mod.ts";

Deno.test("every shipped adapter belongs to its run's specification, and none is missing", async () => {
  assertEquals(Object.keys(index.runs).sort(), shippedRuns().map(nameOf).sort());
  for (const run of shippedRuns()) {
    const folder = await shippedAdapter(run, { full: false });
    assert(folder, `${nameOf(run)}: another specification`);
    const { updates, promptFormat, start } = await readAdapter(folder);
    assertEquals(start, { init: "kaiming", seed: run.seed }, nameOf(run));
    assertEquals(promptFormat, usualFormat, nameOf(run)); // as in its training
    const ranks = updates.map(({ A }) => A.shape[0]);
    assertEquals(new Set(ranks), new Set([run.rank]), nameOf(run));
    assertEquals(ranks.length, 2 * run.sites.length, nameOf(run)); // two layers
  }
});

Deno.test("what is shipped is at most 3 MB", async () => {
  let bytes = 0;
  for (const name of ["", ...Object.keys(index.runs)]) {
    for await (const file of Deno.readDir(`${shippedFolder}/${name}`)) {
      if (file.isFile) bytes += (await Deno.stat(`${shippedFolder}/${name}/${file.name}`)).size;
    }
  }
  assert(bytes <= 3e6, `${bytes} bytes`);
});

Deno.test("a job makes nothing that is shipped, quick or not, and a full one makes everything", async () => {
  const runs = subspaceRuns([8]);
  for (const quick of [false, true]) {
    assertEquals(await missingRuns(runs, { full: false, quick }), []);
  }
  assertEquals((await missingRuns(runs, { full: true, quick: false })).length, 3);
  const quick = await missingRuns(rankRuns([2]), { full: false, quick: true });
  assertEquals(new Set(quick.map(({ steps }) => steps)), new Set([10]));
});

Deno.test("no two runs that are compared start from the same seed", () => {
  const seeds = (rank: number) => subspaceRuns([rank]).map(({ seed }) => seed);
  assertEquals([seeds(4), seeds(8), seeds(largeRank)], [[1, 2, 3], [1, 2, 3], [11, 12, 13]]);
  const names = [...rankRuns([1, 2, 3]), ...budgetRuns([1, 2, 3])].map(nameOf);
  assertEquals(new Set(rankRuns([1, 2, 3]).map(nameOf)).size, 27);
  assertEquals(new Set(names).size, 42);
});

Deno.test("every choice of table 5 trains the same number of values", () => {
  for (const { sites, rank } of budgetRuns([1])) assertEquals(sites.length * rank, 8);
});

Deno.test("the learning rate is the best of those tried, and neither the least nor the largest", () => {
  const losses = Object.entries(found.losses[searched.key]) as [string, number][];
  const best = losses.toSorted(([, a], [, b]) => a - b)[0][0];
  assertEquals(Number(best), learningRate);
  const rates = losses.map(([rate]) => Number(rate)).sort((a, b) => a - b);
  const place = rates.indexOf(learningRate);
  assert(place > 0 && place < rates.length - 1);
  assertEquals(found.split, "validation");
});
