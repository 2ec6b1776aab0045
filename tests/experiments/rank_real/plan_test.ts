/** The plan of the study of a real base: its seeds, its order, and its search of rates. */

import { assert, assertEquals } from "@std/assert";
import { chooseLeast } from "../../../experiments/methods/rates.ts";
import {
  bothRanks,
  crossedStarts,
  longRuns,
  otherMethods,
  queryRanks,
  type RealMethod,
  reportedRun,
  searchRun,
} from "../../../experiments/rank_real/plan.ts";
import { searchRate, stages } from "../../../experiments/rank_real/stages.ts";

const methods = [...bothRanks, ...queryRanks, ...otherMethods];

/** All runs, each at one rate. */
const runs = stages.flatMap((stage) =>
  "run" in stage ? [stage.run(() => ({ learningRate: 1e-3 }))] : []
);

Deno.test("no two ranks, sites or methods share a start, but where that is the question", () => {
  const own = methods.flatMap((method) => [
    searchRun(method, 1e-3).start,
    ...[1, 2, 3].map((seed) => reportedRun(method, 1e-3, seed).start),
  ]);
  const others = longRuns.map(({ start }) => start).filter((start) => start !== 811);
  assertEquals(new Set([...own, ...others, 811]).size, own.length + others.length + 1);
  const starts = [1, 2, 3].map((seed) => reportedRun(bothRanks[1], 1e-3, seed).start);
  assertEquals(crossedStarts.map(({ start }) => start), starts.flatMap((start) => [start, start]));
  assertEquals(crossedStarts.map(({ data }) => data), [1, 2, 2, 3, 3, 1]);
});

Deno.test("all methods share three seeds of data, and no reported run has a search's", () => {
  for (const { key } of methods) {
    const data = runs.filter((run) => run.key === key && run.steps === 500).map(({ data }) => data);
    const more = key === "qv-4" ? [4, 5] : [];
    assertEquals(new Set(data), new Set([1, 2, 3, ...more]), key);
  }
  assert(runs.every(({ data }) => data !== searchRun(methods[0], 1e-3).data));
});

Deno.test("every method is searched once, before its first run", () => {
  const searched: string[] = [];
  for (const stage of stages) {
    if ("search" in stage) searched.push(stage.search.key);
    else {
      const planned = "run" in stage ? stage.run : stage.scale;
      planned(({ key }: RealMethod) => {
        assert(searched.includes(key), key);
        return { learningRate: 1e-3 };
      });
    }
  }
  assertEquals(searched.toSorted(), methods.map(({ key }) => key).toSorted());
});

Deno.test("a search goes beyond an end that is best, at most twice", async () => {
  const tries = async (losses: Record<string, number | null>) => {
    const order: number[] = [];
    const tried = await searchRate(3e-3, (rate) => {
      order.push(rate);
      return Promise.resolve(losses[rate]);
    });
    return [order, chooseLeast(tried)];
  };
  assertEquals(await tries({ 0.001: 3, 0.003: 1, 0.01: 2 }), [[1e-3, 3e-3, 1e-2], {
    learningRate: 3e-3,
  }]);
  assertEquals(await tries({ 0.001: 3, 0.003: 2, 0.01: 1, 0.03: null }), [
    [1e-3, 3e-3, 1e-2, 3e-2],
    { learningRate: 1e-2 },
  ]);
  assertEquals(await tries({ 0.0001: 1, 0.0003: 2, 0.001: 3, 0.003: 4, 0.01: 5 }), [
    [1e-3, 3e-3, 1e-2, 3e-4, 1e-4],
    { learningRate: 1e-4, end: "lowest" },
  ]);
});

Deno.test("a search goes beyond 1e-5 and 3 as well", async () => {
  const last = async (prior: number, lossOf: (rate: number) => number) =>
    chooseLeast(await searchRate(prior, (rate) => Promise.resolve(lossOf(rate))));
  assertEquals(await last(1e-4, (rate) => rate), { learningRate: 3e-6, end: "lowest" });
  assertEquals(await last(1, (rate) => -rate), { learningRate: 30, end: "highest" });
});
