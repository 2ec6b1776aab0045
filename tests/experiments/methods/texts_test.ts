/** Every method on texts: what is shipped, what a job says without the data, and a quick run on a small stand-in. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { PlanContext } from "../../../experiments/frame/mod.ts";
import { ratesAround } from "../../../experiments/methods/rates.ts";
import type { ShippedRows } from "../../../experiments/methods/study.ts";
import { textMethods } from "../../../experiments/methods/texts/methods.ts";
import type { ChosenText, TextRow } from "../../../experiments/methods/texts/rows.ts";
import { meansOfTasks, rateTasks, textRates } from "../../../experiments/methods/texts/search.ts";
import found from "../../../experiments/methods/texts/learning_rates.json" with {
  type: "json",
};
import texts from "../../../experiments/methods/texts/texts.json" with { type: "json" };
import { methodsOnTexts } from "../../../experiments/methods/texts/texts.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { withMadeUpTexts } from "../made_up_texts.ts";
import { outcomeWithoutData } from "../without_data.ts";

const shipped: ShippedRows = texts;
const isSearched = Object.keys(found.tasks).length > 0;

/** Note of a job before the search. */
const notSearched = "Left out: the search of their rates is not made.";
const job = (more: Partial<PlanContext> = {}) => {
  const { signal } = new AbortController(), report = () => {};
  return { seeds: [1], quick: false, full: true, out: "", signal, report, ...more };
};

Deno.test("without the data a whole job says in a line that the methods on texts were left out", async () => {
  const outcome = await outcomeWithoutData(methodsOnTexts, { full: true });
  const { settings, findings, tables, figures } = outcome;
  const expected =
    "Left out: LOWRANK_DATA is not a folder with models/all-MiniLM-L6-v2 and the texts of TREC, " +
    "SUBJ, SST-2.";
  assertEquals(settings, isSearched ? expected : notSearched);
  assertEquals([...findings, ...tables, ...figures], []);
});

Deno.test("every run of a whole job is shipped, for every task and at the rate of the search", () =>
  withMadeUpTexts(async () => {
    const runs = await methodsOnTexts.runs!(job({ seeds: shipped.seeds }));
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
    for (const { trained: values } of trained) assert(values > 0);
    for (const { texts } of rows) assert(texts > 490 && texts <= 500);
  }));

Deno.test("a quick run trains two methods on a task, and has its baselines and averages", () =>
  withMadeUpTexts(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const context = { ...job({ quick: true, full: false }), device, out: `${folder}/out` };
    const { settings, findings, tables, figures } = await methodsOnTexts.run(context);
    if (!isSearched) return assertEquals(settings, notSearched);
    const [means, runs] = tables;
    const keys = [...["frequent", "bag-1", "bag-2"], ...["full", "top-layers"]];
    assertEquals(runs.rows.map(({ key }) => key), keys);
    for (const { task, texts } of runs.rows) assertEquals([task, texts], ["TREC", 32]);
    assertEquals(means.rows.map(({ TREC, mean }) => TREC === mean), keys.map(() => true));
    assertEquals(findings, []); // Every claim reads LoRA, which is not among the two.
    assertEquals(figures.length, 1);
  }));

Deno.test("a method's rate is chosen by the mean over the tasks, and not where it diverged on one", () => {
  const tasks = {
    a: { full: { "0.1": 0.5, "0.3": 0.9 }, vera: { "1": 0.5 } },
    b: { full: { "0.1": 0.7, "0.3": null } },
  };
  const { tried } = meansOfTasks({ tasks });
  assertEquals(tried, { full: { "0.1": 0.6, "0.3": null }, vera: { "1": null } });
  assertEquals(meansOfTasks({ tasks: {} }).tried, {});
});

Deno.test("every rate of every method was tried on both tasks, with a seed that is not reported", () => {
  assert(!shipped.seeds.includes(found.seed));
  const tried = Object.entries(found.tasks).map(([task, methods]): [string, string[]] => [
    task,
    Object.entries(methods as Record<string, object>).map(([key, rates]) =>
      `${key} ${Object.keys(rates).map(Number).sort((a, b) => a - b)}`
    ),
  ]);
  const grids = textMethods.map(({ key, prior }) => `${key} ${ratesAround(prior, textRates)}`);
  assertEquals(tried, isSearched ? rateTasks.map(({ name }) => [name, grids]) : []);
});

Deno.test("sizes are those of decision 0031", () => {
  const sizes = textMethods.map(({ key, sizes: [{ size }] }) => `${key} ${size}`);
  assertMatch(
    sizes.join(),
    /^full all,top-layers 2 blocks,bitfit biases,adapter-h m = 8,adapter-p m = 16,/,
  );
  assertMatch(sizes.join(), /,lora-qv r = 8,lora-all r = 2,vera r = 256$/);
});
