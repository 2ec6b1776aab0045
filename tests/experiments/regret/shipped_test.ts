/** Shipped files of "LoRA without regret": rates of the search, rows for the default job. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import found from "../../../experiments/regret/learning_rates.json" with { type: "json" };
import {
  firstGrid,
  lowestPlace,
  rateAt,
  rateOf,
  searchedSettings,
  searchSeedsOf,
  settingKey,
  settings,
  triedRates,
  triedWith,
} from "../../../experiments/regret/runs.ts";
import measured from "../../../experiments/regret/regret.json" with { type: "json" };
import { regret } from "../../../experiments/regret/regret.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { plotSvg } from "../../../src/figures/still.ts";
import { figureFaults } from "../../support/figure_rules.ts";

Deno.test("every setting was searched on its whole grid, which its best rate is inside of", () => {
  assertEquals(Object.keys(found.tried), searchedSettings.map(settingKey));
  for (const setting of searchedSettings) {
    const tried = triedWith(setting), { quarters, spacing } = firstGrid(setting);
    const rates = triedRates(tried).map(({ rate }) => rate), place = lowestPlace(tried);
    assert(place > 0 && place < rates.length - 1, settingKey(setting));
    for (const rate of quarters.map(rateAt)) assert(rates.includes(rate), settingKey(setting));
    const exponents = rates.map((rate) => Math.round(4 * Math.log10(rate)));
    exponents.slice(1).forEach((next, i) => assertEquals(next - exponents[i], spacing));
    assertEquals(Object.keys(tried).map(Number), searchSeedsOf(setting));
  }
});

Deno.test("the search saw neither the reported split nor the reported seeds", () => {
  const searched = new Set(searchedSettings.flatMap(searchSeedsOf));
  assertEquals(found.split, "validation");
  assert(measured.seeds.every((seed) => !searched.has(seed)));
  assert(measured.seeds.length > 1);
});

Deno.test("every run is shipped, with the rate of the search", () => {
  const wanted = measured.seeds.flatMap((seed) =>
    settings.map((setting) => {
      const { part, size, method: { key } } = setting;
      return [part, size, key, seed, rateOf(setting)].join();
    })
  );
  const shipped = measured.rows.map(({ part, size, key, seed, learningRate }) =>
    [part, size, key, seed, learningRate].join()
  );
  assertEquals([...new Set(shipped)], wanted);
  const steps = (part: string) =>
    new Set(measured.rows.filter((row) => row.part === part).map(({ step }) => step));
  assertEquals([...steps("pairs"), ...steps("batch")], [120, 15]);
  assertEquals([...steps("facts")], [10, 20, 40, 80, 160]);
});

Deno.test("the default job quotes the runs with their commit, and its pictures are whole", async () => {
  using device = new DryDevice();
  const { signal } = new AbortController(), report = () => {};
  const context = { device, seeds: [1], quick: false, full: false, out: "", signal, report };
  const { settings, findings, tables, figures } = await regret.run(context);
  assertMatch(
    settings,
    /Seeds: 1, 2.*\. Quoted, not measured in this job: --full, commit [0-9a-f]{7}/,
  );
  assertEquals(findings.length, 10);
  for (const { ours } of findings) assertStringIncludes(ours!, "(quoted)");
  assertEquals(tables.map(({ rows }) => rows.length), [5, measured.rows.length]);
  assertEquals(figures.length, 6);
  for (const figure of figures) {
    assertEquals(figureFaults(figure), []);
    assertMatch(await plotSvg(figure), /^<svg/);
  }
});

Deno.test("with one seed there is no noise floor, so --full leaves the experiment out", async () => {
  using device = new DryDevice();
  const { signal } = new AbortController(), report = () => {};
  const context = { device, seeds: [1], quick: false, full: true, out: "", signal, report };
  assertMatch((await regret.run(context)).settings, /^Left out: a second seed/);
});
