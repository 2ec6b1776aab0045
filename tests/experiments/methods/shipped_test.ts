/** Shipped rows of the methods study: whole jobs, at the rates of the search. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import budget from "../../../experiments/methods/budget/budget.json" with { type: "json" };
import { methodsBudget } from "../../../experiments/methods/budget/budget.ts";
import skills from "../../../experiments/methods/skills/methods.json" with { type: "json" };
import type { ChosenSkill, SkillRow } from "../../../experiments/methods/skills/runs.ts";
import { methodsOnSkills } from "../../../experiments/methods/skills/skills.ts";
import few from "../../../experiments/methods/texts/few.json" with { type: "json" };
import { lowData } from "../../../experiments/methods/texts/few.ts";
import texts from "../../../experiments/methods/texts/texts.json" with { type: "json" };
import { methodsOnTexts } from "../../../experiments/methods/texts/texts.ts";
import type { ChosenMethod, MethodRow } from "../../../experiments/methods/comparison.ts";
import type { ShippedRows } from "../../../experiments/methods/study.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { plotSvg } from "../../../src/figures/still.ts";
import { figureFaults } from "../../support/figure_rules.ts";

const planned = [
  { study: methodsOnSkills, shipped: skills as ShippedRows },
  { study: methodsBudget, shipped: budget as ShippedRows },
];
const studies = [
  ...planned,
  { study: methodsOnTexts, shipped: texts as ShippedRows },
  { study: lowData, shipped: few as ShippedRows },
];

const context = (full: boolean) => {
  const { signal } = new AbortController(), report = () => {}, device = new DryDevice();
  return { device, seeds: [1], quick: false, full, out: "", signal, report };
};

// Runs on texts are planned where the data are: texts_test.ts.
for (const { study, shipped } of planned) {
  Deno.test(`${study.name}: every run of a whole job is shipped, at the rate of the search`, async () => {
    if (shipped.rows.length === 0) return; // The next test says what the job says then.
    const runs = await study.runs!({ ...context(true), seeds: shipped.seeds });
    const wanted = (runs.map(({ chosen }) => chosen) as (ChosenMethod & Partial<ChosenSkill>)[])
      .map(({ method: { key }, size: { size }, seed, learningRate, task }) =>
        [key, size, seed, learningRate, task?.name].join()
      );
    const rows = shipped.rows as readonly (MethodRow & Partial<SkillRow>)[];
    const trained = rows.filter(({ family }) => family !== "baseline");
    assertEquals(
      trained.map(({ key, size, seed, learningRate, task }) =>
        [key, size, seed, learningRate, task].join()
      ),
      wanted,
    );
    for (const { trained: values } of trained) assert(values > 0);
  });
}

for (const { study, shipped } of studies) {
  Deno.test(`${study.name}: the default job trains nothing, and quotes the rows or says that there are none`, async () => {
    const { runs } = study, { device: _, ...plan } = context(false);
    assertEquals(await runs!(plan), []);
    const { settings, findings, tables, figures } = await study.run(context(false));
    if (shipped.rows.length === 0) {
      assertMatch(settings, /^Left out: only --full trains its runs/);
      return;
    }
    assertMatch(settings, /Quoted, not measured in this job: --full, commit [0-9a-f]{7}/);
    for (const { ours = "", note } of findings) {
      assertMatch(ours || note!, / \(quoted\)$|Quoted, not measured/);
    }
    assertEquals(tables[1].rows.length, shipped.rows.length);
    for (const figure of figures) {
      assertEquals(figureFaults(figure), []);
      assertMatch(await plotSvg(figure), /^<svg/);
      const marks = figure.data.filter(({ mode }) => mode === "markers");
      const looks = marks.map(({ marker }) => JSON.stringify(marker));
      assertEquals(new Set(looks).size, looks.length, "no two methods look alike");
    }
  });
}
