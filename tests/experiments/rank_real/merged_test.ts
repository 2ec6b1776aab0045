/** What is shipped of several machines' runs. */

import { assertEquals } from "@std/assert";
import type { CellLine } from "../../../experiments/rank_real/cell_lines.ts";
import {
  isShippedRun,
  mergedCells,
  mergedRows,
  mergedScaled,
} from "../../../experiments/rank_real/merged.ts";
import { methodOf, reportedRun } from "../../../experiments/rank_real/plan.ts";
import { shared } from "../../../experiments/rank_real/compared.ts";
import type { RealRow } from "../../../experiments/rank_real/rows.ts";
import { makeAll } from "../../../experiments/rank_real/stages.ts";
import type { RealTask } from "../../../experiments/rank_real/task.ts";
import type { RunContext } from "../../../src/runs/plan.ts";

const row = (key: string, value: number, seed?: number) =>
  ({
    ...{ key, value, seed, start: seed && methodOf(key).starts + seed, steps: 500 },
    ...{ family: seed ? "LoRA" : "baseline", learningRate: 1e-3 },
  }) as RealRow;

Deno.test("a row of now replaces one of before, others stay, and what is not trained is first", () => {
  const before = { rows: [row("base", 3), row("qv-1", 1, 1), row("qv-4", 1, 2)], counts: "1" };
  const now = { rows: [row("base", 4), row("qv-4", 2, 2), row("qv-4", 2, 3)], counts: "2" };
  const { rows, counts } = mergedRows(before, now);
  assertEquals(rows.map(({ key, seed, value }) => [key, seed, value]), [
    ["base", undefined, 4],
    ["qv-1", 1, 1],
    ["qv-4", 2, 2],
    ["qv-4", 3, 2],
  ]);
  assertEquals(counts, "2");
});

Deno.test("of two cells the one with more pairs stays", () => {
  const line = (cell: string, pairs: number, top: string) =>
    ({ cell, pairs, top, at: 500, steps: 500, space: "A", site: "q" }) as CellLine;
  const before = [line("one", 3, "1"), line("two", 1, "1")];
  const now = [line("one", 1, "2"), line("two", 1, "2"), line("three", 1, "2")];
  assertEquals(mergedCells(before, now).map(({ cell, top }) => [cell, top]), [
    ["one", "1"],
    ["two", "2"],
    ["three", "2"],
  ]);
  const scaled = { key: "qv-1", seed: 1, share: 0, value: 1, own: 1, novel: 1 };
  assertEquals(mergedScaled([scaled], [{ ...scaled, value: 2 }]).map(({ value }) => value), [2]);
});

Deno.test("a shipped row stands for its run, unless its adapter is compared or the rate is another", () => {
  const rows = ["qv-2", "qv-4", "qv-8"].map((key) => row(key, 1, 2));
  const run = (key: string, rate: number, seed: number) => reportedRun(methodOf(key), rate, seed);
  assertEquals(isShippedRun(rows, run("qv-2", 1e-3, 2)), true);
  assertEquals(isShippedRun(rows, run("qv-2", 3e-3, 2)), false);
  assertEquals(isShippedRun(rows, run("qv-2", 1e-3, 1)), false);
  assertEquals(["qv-4", "qv-8"].map((key) => isShippedRun(rows, run(key, 1e-3, 2))), [
    false,
    false,
  ]);
});

Deno.test("seeds are paired by their numbers, whichever machine made their rows", () => {
  const own = (key: string, seeds: readonly number[]) =>
    seeds.map((seed): RealRow => ({ ...row(key, seed, seed), compared: 1 }));
  const rows = [...own("qv-1", [1, 2, 3]), ...own("qv-8", [2, 3, 1])];
  assertEquals(shared(rows, ["qv-1", "qv-8"]).map(({ seed }) => seed), [1, 1, 2, 2, 3, 3]);
});

const noRuns = { made() {}, scaling: () => Promise.resolve() };

Deno.test("what was shipped is not searched again, and what is found is told", async () => {
  const tried = { "qv-1": { 0.001: 1 } }, told: unknown[] = [];
  const report = {
    ...noRuns,
    searched: (found: unknown) => Promise.resolve(void told.push(found)),
  };
  const stop = () => Promise.reject(new Error("the second search begins"));
  const task = { heldOut: { digests: stop } } as unknown as RealTask;
  const context = { device: { kind: "cpu" } } as RunContext;
  const failed = await makeAll(task, context, report, { tried, rows: [] }).catch((error) => error);
  assertEquals([failed.message, told], ["the second search begins", [tried]]);
});
