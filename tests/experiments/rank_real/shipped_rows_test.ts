/** Shipped rows of several machines' runs. */

import { assertEquals } from "@std/assert";
import type { CellLine } from "../../../experiments/rank_real/similarities.ts";
import {
  isShippedRun,
  keepSource,
  mergedCells,
  mergedRows,
  mergedScaled,
  readSource,
  seedsOf,
  sourceNow,
  sourcesOf,
  sourceText,
} from "../../../experiments/rank_real/shipped_rows.ts";
import { methodOf, reportedRun } from "../../../experiments/rank_real/plan.ts";
import { shared } from "../../../experiments/rank_real/rank_claims.ts";
import type { RealRow } from "../../../experiments/rank_real/rows.ts";
import { makeAll, makeOne } from "../../../experiments/rank_real/stages.ts";
import type { RealTask } from "../../../experiments/rank_real/task.ts";
import { writeJsonAtomic } from "../../../src/storage/files.ts";
import { runFiles, type RunResult, type RunSpec } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import type { RealRun } from "../../../experiments/rank_real/runs.ts";
import { withFolder } from "../../../scripts/support/folders.ts";

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
  const scaled = {
    key: "qv-1",
    seed: 1,
    part: "control",
    share: 0,
    held: 1,
    value: 1,
    own: 1,
    novel: 1,
  } as const;
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

Deno.test("a file names the sources and the seeds of its rows, each once", () => {
  const rows = [
    { ...row("base", 3), source: "commit b" },
    { ...row("qv-1", 1, 3), source: "commit a" },
    { ...row("qv-8", 1, 1), source: "commit b" },
    row("qv-8", 1, 3),
  ];
  assertEquals(sourcesOf(rows), "commit a; commit b");
  assertEquals(seedsOf(rows), [1, 3]);
});

Deno.test("a run's source is kept with it, and is its device where none was", () =>
  withFolder(async (folder) => {
    const read = async () => sourceText(await readSource(folder));
    await writeJsonAtomic(`${folder}/done.json`, { device: "cpu, 1 thread", exact: true });
    assertEquals(await read(), "commit not known, cpu, 1 thread, day not known");
    await keepSource(folder, { commit: "b".repeat(40), device: "cpu", date: "2026-12-01" });
    assertEquals(await read(), "commit bbbbbbb, cpu, 2026-12-01");
    assertEquals(sourceNow(undefined, "cpu").date!.length, 10);
  }));

Deno.test("a run that another process has finished is not new", () =>
  withFolder(async (folder) => {
    const told: unknown[] = [], spec = { seed: 1 } as unknown as RunSpec;
    const planned = {
      ...{ label: "one", spec: () => Promise.resolve(spec) },
      make: () => Promise.resolve({ folder } as RunResult),
    } as unknown as PlannedRun<RealRun>;
    const report = {
      made: (_: unknown, ...rest: unknown[]) => Promise.resolve(void told.push(rest)),
    };
    const context = { device: { kind: "cpu" }, folder } as unknown as RunContext;
    await makeOne(planned, context, report);
    const files = await runFiles(folder, spec);
    await Deno.mkdir(files.folder);
    await writeJsonAtomic(files.done, {});
    await makeOne(planned, context, report);
    assertEquals(told, [["one", true], ["one", false]]);
  }));

const noRuns = { made: () => Promise.resolve(), scaling: () => Promise.resolve() };

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
