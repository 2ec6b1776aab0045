/** Every method on texts: sizes and rates, what is shipped, what a job says without the data, and a quick run. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { PlanContext } from "../../../experiments/frame/mod.ts";
import { chooseMost, rateBeyond, ratesAround } from "../../../experiments/methods/rates.ts";
import type { ShippedRows } from "../../../experiments/methods/study.ts";
import few from "../../../experiments/methods/texts/few.json" with { type: "json" };
import { lowData } from "../../../experiments/methods/texts/few.ts";
import found from "../../../experiments/methods/texts/learning_rates.json" with { type: "json" };
import {
  type ChosenText,
  fewMethods,
  fewSearch,
  ownSeed,
  searchedTasks,
  textMethods,
  textRates,
  wholeSizes,
} from "../../../experiments/methods/texts/plan.ts";
import type { TextRow } from "../../../experiments/methods/texts/rows.ts";
import texts from "../../../experiments/methods/texts/texts.json" with { type: "json" };
import { methodsOnTexts } from "../../../experiments/methods/texts/texts.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { hashOf } from "../../../src/runs/mod.ts";
import { withMadeUpTexts } from "../made_up_texts.ts";
import { outcomeWithoutData } from "../without_data.ts";

const studies = [
  { study: methodsOnTexts, shipped: texts as ShippedRows },
  { study: lowData, shipped: few as ShippedRows },
];

const tasks: Readonly<Record<string, Readonly<Record<string, Record<string, number | null>>>>> =
  found.tasks;

/** A job before the search has nothing to plan. */
const isSearched = fewSearch in tasks;

const job = (more: Partial<PlanContext> = {}) => {
  const { signal } = new AbortController(), report = () => {};
  return { seeds: [1], quick: false, full: true, out: "", signal, report, ...more };
};

for (const { study, shipped } of studies) {
  Deno.test(`${study.name}: without the data a whole job says in a line that it was left out`, async () => {
    const outcome = await outcomeWithoutData(study, { full: true });
    const { settings, findings, tables, figures } = outcome;
    const expected =
      "Left out: LOWRANK_DATA is not a folder with models/all-MiniLM-L6-v2 and the texts of TREC, " +
      "SUBJ, SST-2.";
    assertEquals(
      settings,
      isSearched ? expected : "Left out: the search of their rates is not made.",
    );
    assertEquals([...findings, ...tables, ...figures], []);
  });

  Deno.test(`${study.name}: every run of a whole job is shipped, at the rate of the search`, () =>
    withMadeUpTexts(async () => {
      const runs = shipped.rows.length > 0 ? await study.runs!(job({ seeds: shipped.seeds })) : [];
      const wanted = (runs.map(({ chosen }) => chosen) as ChosenText[]).map((chosen) => {
        const { task, method: { key }, size: { size }, seed, learningRate } = chosen;
        return [task.name, key, size, seed, learningRate].join();
      });
      const rows = shipped.rows as readonly TextRow[];
      const trained = rows.filter(({ family }) => family !== "baseline");
      assertEquals(
        trained.map(({ task, key, size, seed, learningRate }) =>
          [task, key, size, seed, learningRate].join()
        ),
        wanted,
      );
      for (const { trained: values, right, texts } of trained) {
        assert(values > 0);
        assertEquals(right!.length, Math.ceil(texts / 4));
      }
    }));
}

Deno.test("no two runs have one seed, but those of a method on other tasks", () =>
  withMadeUpTexts(async () => {
    const seeds = textMethods.flatMap((method) => [0, 1, 10].map((seed) => ownSeed(method, seed)));
    assertEquals(new Set(seeds).size, seeds.length);
    if (!isSearched) return;
    using device = new DryDevice();
    const runs = await Promise.all(studies.map(({ study }) => study.runs!(job({ seeds: [1, 2] }))));
    const specs = await Promise.all(runs.flat().map((run) => run.spec(device)));
    const hashes = await Promise.all(specs.map(hashOf));
    // With all texts, few examples have the runs of all methods.
    assertEquals(new Set(hashes).size, hashes.length - 2 * fewMethods.length);
  }, 10_000));

Deno.test("runs are as long as decision 0057 says", () => {
  const steps = Object.entries(wholeSizes).map(([task, { train, batch, passes }]) =>
    `${task} ${passes * Math.ceil(train / batch)}`
  );
  assertEquals(steps, ["TREC 459", "SUBJ 235", "SST-2 432"]);
  const sizes = textMethods.map(({ key, sizes: [{ size }] }) => `${key} ${size}`);
  assertMatch(
    sizes.join(),
    /^full all,lora-qv r = 8,lora-qv-1 r = 1,bitfit biases,adapter-h m = 8,/,
  );
});

Deno.test("a quick run trains two methods on a task, and has its baselines and averages", () =>
  withMadeUpTexts(async (folder) => {
    if (!isSearched) return;
    using device = await openCpuDevice({ threads: 2 });
    const context = { ...job({ quick: true, full: false }), device, out: `${folder}/out` };
    const { findings, tables, figures } = await methodsOnTexts.run(context);
    const [means, runs] = tables, keys = ["frequent", "bag-1", "bag-2", "full", "lora-qv"];
    assertEquals(runs.rows.map(({ key }) => key), keys);
    for (const { task, texts } of runs.rows) assertEquals([task, texts], ["TREC", 32]);
    assertEquals(means.rows.map(({ TREC, mean }) => TREC === mean), keys.map(() => true));
    for (const { verdict } of findings) assertMatch(verdict, /^(not judged|holds|does not hold)/);
    assertEquals(figures.length, 1);
  }));

Deno.test("all rates were tried, and one more where the best was at an end, with a seed that is not reported", () => {
  const searches = [
    ...searchedTasks.map(({ name }) => ({ name, methods: textMethods })),
    { name: fewSearch, methods: fewMethods },
  ];
  for (const { name, methods } of isSearched ? searches : []) {
    assertEquals(Object.keys(tasks[name]), methods.map(({ key }) => key));
    for (const { key, prior } of methods) {
      const grid = ratesAround(prior, textRates), tried = tasks[name][key];
      const best = chooseMost(Object.fromEntries(grid.map((rate) => [rate, tried[rate]])));
      const wanted = [...grid, ...rateBeyond(best)].toSorted((a, b) => a - b);
      assertEquals(
        Object.keys(tried).map(Number).toSorted((a, b) => a - b),
        wanted,
        `${name} ${key}`,
      );
    }
  }
  for (const { shipped: { seeds } } of studies) assert(!seeds.includes(found.seed));
});
