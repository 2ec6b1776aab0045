/** The map: its arms, rates, and rules on rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  armKey,
  armName,
  armSeed,
  bestRate,
  forRank,
  type Line,
  mapCells,
  mapRateOf,
  methodOf,
  rateRank,
} from "../../../experiments/skills/needed_rank/runs.ts";
import { gapsOf, mapClaims } from "../../../experiments/skills/needed_rank/claims.ts";
import { liveCells } from "../../../experiments/skills/needed_rank/needed_rank.ts";
import {
  firstSimilarity,
  type MapRow,
  type MapRows,
  neededByLoss,
  neededRank,
  neededText,
  on,
  rankText,
  type SharedRow,
} from "../../../experiments/skills/needed_rank/rows.ts";
import { shareNoise } from "../../../experiments/differences.ts";
import { taskNamed } from "../../../experiments/skills/tasks.ts";

/** A training; 100% of 600 answers unless said. */
const row = (line: Line, rank: number | undefined, change: Partial<MapRow> = {}): MapRow => ({
  ...{ task: "a", level: 0, line, rank, base: "trained", steps: 300, seed: 1, learningRate: 0.01 },
  ...{ trained: 1, right: 100, before: 0, loss: 0, texts: 600, ...change },
});

const rowsOf = (...mapRuns: readonly MapRow[]): MapRows => ({ mapRuns, mapDirections: [] });

const holds = (start: string, rows: MapRows) =>
  mapClaims.find(({ text }) => (text as string).startsWith(start))!.holds(rows);

/** Ranks 1, 8 and 64 of a line. */
const shares = (change: Partial<MapRow>, ...right: readonly number[]): MapRow[] =>
  right.map((share, at) => row("qv", [1, 8, 64][at], { ...change, right: share }));

Deno.test("no two arms share a seed, and the search has its own", () => {
  const names = new Map<number, string>();
  for (const repeat of [0, 1, 2, 3]) {
    for (const { arm } of mapCells) {
      const seed = armSeed(arm, repeat), name = `${repeat}: ${armName(arm)}`;
      assertEquals(names.get(seed) ?? name, name);
      names.set(seed, name);
    }
  }
  assertEquals(names.size, 4 * new Set(mapCells.map(({ arm }) => armName(arm))).size);
});

Deno.test("arms are what they say: α is 2r, and every run of the job is one of the map", () => {
  assertEquals(methodOf({ line: "qv", rank: 4 }), {
    ...{ kind: "lora", rank: 4, alpha: 8, sites: ["q", "v"] },
  });
  assertEquals(methodOf({ line: "all", rank: 1 }), {
    ...{ kind: "lora", rank: 1, alpha: 2, sites: "all" },
  });
  assertEquals(methodOf({ line: "full" }), { kind: "full" });
  assertEquals(armName({ line: "qv", rank: 2, steps: 900 }), "LoRA on q and v, r = 2, 900 steps");
  assertEquals(armKey({ line: "bitfit" }), "bitfit");
  assertEquals(liveCells.length, 6);
});

Deno.test("every cell has a rate that was searched, for its rank", () => {
  for (const { task, arm } of mapCells) {
    const { learningRate } = mapRateOf(task, arm);
    assert(learningRate > 0 && learningRate < 1, `${task.name}, ${armName(arm)}`);
  }
  const searchedRanks = (name: string) =>
    [1, 2, 4, 8, 16, 64].map((rank) =>
      rateRank({ task: taskNamed(name), arm: { line: "qv", rank } })
    );
  assertEquals(searchedRanks("reverse, new word"), [1, 1, 1, 8, 8, 64]);
  assertEquals(searchedRanks("8 letters moved"), [1, 2, 4, 8, 8, 64]);
  const task = taskNamed("reverse, new word"),
    rate = (rank: number) => mapRateOf(task, { line: "qv", rank }).learningRate;
  assertAlmostEquals(rate(2), rate(1) / Math.SQRT2, 1e-2 * rate(1));
  assertEquals(forRank(0.04, 16), 0.01);
});

Deno.test("a rate is chosen by answers, then by the loss, and an end is marked", () => {
  const tried = {
    "0.01": { exact: 0.5, loss: 1 },
    "0.02": { exact: 0.9, loss: 0.3 },
    "0.04": { exact: 0.9, loss: 0.2 },
    "0.08": null,
  };
  assertEquals(bestRate(tried), { learningRate: 0.04 });
  const { "0.08": _, ...three } = tried;
  assertEquals(bestRate(three), { learningRate: 0.04, end: "highest" });
  assertEquals(bestRate({ "0.04": null, "0.02": tried["0.02"] }).end, "lowest");
});

Deno.test("the needed rank is the smallest within a point of the line's best and of full", () => {
  const need = (...rows: readonly MapRow[]) => neededRank(rows, { task: "a", line: "qv" });
  assertEquals(need(...shares({}, 99, 100, 98)), 1);
  assertEquals(need(...shares({}, 98.9, 100, 98)), 8);
  assertEquals(need(...shares({}, 98, 98, 98), row("full", undefined)), Infinity);
  assertEquals(need(...shares({}, 98, 98, 99), row("full", undefined)), 64);
  assertEquals(need(...shares({}, 0, 9, 9.9)), undefined);
  const two = [row("qv", 1, { right: 98 }), row("qv", 1, { right: 100 }), row("qv", 8)];
  assertEquals(need(...two), 1);
  assertEquals([1, Infinity, undefined].map((rank) => rankText(rank)), ["1", "> 64", "–"]);
  assertEquals(neededText([...shares({}, 0, 0), row("full", undefined)], on("a", "qv")), "> 8");
  const losses = [row("qv", 1, { loss: 0.03 }), row("qv", 8, { loss: 0.02 })];
  assertEquals(neededByLoss([...losses, row("full", undefined, { loss: 0.01 })], on("a", "qv")), 8);
});

Deno.test("r = 1 suffices where the base knows the skill, to a point", () => {
  const far = shares({ task: "b", level: 2 }, 0, 100);
  assert(holds("Table 6", rowsOf(...shares({}, 99, 100), ...far)));
  assert(!holds("Table 6", rowsOf(...shares({ level: 1 }, 98.9, 100), ...far)));
});

Deno.test("on a par is 1.1 points on near tasks", () => {
  const rows = (right: number, level: 2 | 3) =>
    rowsOf(row("qv", 8, { right, level }), row("full", undefined, { level }));
  assert(holds("LoRA is on a par", rows(98.9, 2)));
  assert(!holds("LoRA is on a par", rows(98.8, 2)));
  assert(holds("LoRA is on a par", rows(0, 3)), "a far task is not asked");
});

/** A claim's margin, in points. */
const marginOf = (start: string, rows: MapRows) =>
  mapClaims.find(({ text }) => (text as string).startsWith(start))!.margin!(rows);

/** Three seeds of an arm. */
const seeds = (
  line: Line,
  rank: number | undefined,
  right: readonly number[],
  change: Partial<MapRow> = {},
) => right.map((share, at) => row(line, rank, { ...change, seed: at + 1, right: share }));

Deno.test("a margin is of the task that decides, beside the noise of seeds or of answers, the larger one", () => {
  const worst = [...seeds("qv", 1, [97, 98, 99]), ...seeds("qv", 8, [100, 100, 100])];
  const other = [
    ...seeds("qv", 1, [99, 99, 99], { task: "b" }),
    ...seeds("qv", 8, [100, 100, 100], { task: "b" }),
  ];
  const { beyond, noise, seeds: count, freedom } = marginOf("Table 6", rowsOf(...other, ...worst));
  assertAlmostEquals(beyond, 1);
  assertAlmostEquals(noise, 2 * Math.sqrt(1 / 3)); // s² is (1 + 0) / 2 of the seeds, 2 s √(2 / 3).
  assertEquals([count, freedom], [3, 4]);
  const alike = rowsOf(
    ...seeds("qv", 8, [98, 98, 98]),
    ...seeds("full", undefined, [100, 100, 100]),
  );
  const ofAnswers = marginOf("LoRA is on a par", alike);
  assertAlmostEquals(ofAnswers.beyond, 0.9);
  assertAlmostEquals(ofAnswers.noise, shareNoise(98 - 96 / 1802, 100 - 100 / 1802, 1802), 1e-3);
  const one = { task: "random alphabet", level: 4 } as const;
  const single = rowsOf(row("qv", 1, { ...one, right: 50 }), row("full", undefined, one));
  assertEquals(marginOf("Section 7.2", single).seeds, 1);
  assert(Number.isFinite(marginOf("Section 7.2", single).noise));
});

Deno.test("a language of its own needs more than r = 1 by more than the noise", () => {
  const rows = (one: number, full: number) => {
    const task = { task: "random alphabet", level: 4 } as const;
    return rowsOf(
      row("qv", 1, { ...task, right: one }),
      row("full", undefined, { ...task, right: full }),
    );
  };
  assert(holds("Section 7.2", rows(98, 100)));
  assert(!holds("Section 7.2", rows(98.9, 100)));
  assert(holds("Section 7.2", rows(50, 60)));
  assert(!holds("Section 7.2", rows(50, 55)), "two standard errors are 5.8 points");
});

Deno.test("needs rise with the distance, and with the letters moved", () => {
  const at = (level: 0 | 1 | 2 | 3 | 4, ...right: number[]) =>
    shares({ task: `t${level}`, level }, ...right);
  const rising = [at(0, 100), at(1, 100), at(2, 100), at(3, 0, 100), at(4, 0, 0, 100)].flat();
  assert(holds("A task farther", rowsOf(...rising)));
  const falling = [...rising, ...shares({ task: "x", level: 2 }, 0, 0, 100)];
  assert(!holds("A task farther", rowsOf(...falling)));
  const flat = [0, 1, 2, 3, 4].flatMap((level) => at(level as 0, 100));
  assert(!holds("A task farther", rowsOf(...flat)));
  const moved = (k: number, ...right: number[]) =>
    shares({ task: `k${k}`, level: undefined, moved: k }, ...right);
  assert(holds("The more letters", rowsOf(...moved(8, 0, 100), ...moved(0, 100))));
  assert(!holds("The more letters", rowsOf(...moved(8, 100), ...moved(0, 0, 100))));
});

Deno.test("low rank stops where no rank is on a par with full fine-tuning that has learned", () => {
  const rows = (best: number, full: number) =>
    rowsOf(
      row("qv", 64, { level: 4, right: best }),
      row("full", undefined, { level: 4, right: full }),
    );
  assert(holds("There are far tasks", rows(38.8, 40)));
  assert(!holds("There are far tasks", rows(38.9, 40)));
  assert(!holds("There are far tasks", rows(0, 9.9)));
});

Deno.test("a cure closes half of every wide gap", () => {
  const rows = (one: number, all: number) =>
    rowsOf(row("qv", 1, { right: one }), row("all", 1, { right: all }), row("full", undefined));
  assert(holds("All linear layers", rows(80, 90)));
  assert(!holds("All linear layers", rows(80, 89.9)));
  assert(!holds("All linear layers", rows(90, 100)), "no gap is wide");
  assertEquals(gapsOf(rows(80, 90).mapRuns), [{ task: "a", gap: 20, closed: 0.5 }]);
});

Deno.test("more steps and pretraining are judged by needed ranks and by points", () => {
  const few = shares({ steps: 100 }, 0, 0, 100), many = shares({ steps: 900 }, 0, 100, 100);
  const full = row("full", undefined);
  assert(holds("More steps", rowsOf(...few, ...many, full)));
  assert(!holds("More steps", rowsOf(...few, ...shares({ steps: 900 }, 0, 0, 100), full)));
  assert(!holds("More steps", rowsOf(full)));
  const base = (...right: number[]) =>
    rowsOf(...shares({ base: "untrained" }, ...right), row("qv", 1));
  assert(holds("Pretraining", base(0, 0, 89.9)));
  assert(!holds("Pretraining", base(0, 0, 90)));
});

Deno.test("the spectrum and the shared direction are judged by means", () => {
  const rows = (directions: number) =>
    rowsOf(row("qv", 1, { right: 0 }), row("qv", 8), row("qv", 64, { directions }));
  assert(holds("The spectrum", rows(7.9)));
  assert(!holds("The spectrum", rows(8)));
  assert(!holds("The spectrum", rowsOf(row("qv", 1), row("qv", 64, { directions: 0.5 }))));
  const shared = (...outputs: readonly number[]): MapRows => ({
    mapRuns: [],
    mapDirections: outputs.map((output, at): SharedRow => ({
      ...{ task: "a", level: 0, pair: "8 and 64", module: `${at}`, ofA: 0, input: 0, output },
    })),
  });
  assert(holds("r = 8 and r = 64", shared(0.51, 0.51, 0.51, 0)));
  assert(!holds("r = 8 and r = 64", shared(0.51, 0.51, 0.5, 0.5)));
  assertEquals(firstSimilarity([1, 0], [0.6, 0.8]), 0.36);
});
