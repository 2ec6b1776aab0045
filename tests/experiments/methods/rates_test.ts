/** The grids of the methods study: as many rates for every method, around what was written down before. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  allSizes,
  searchedMethods,
  type SizedMethod,
  triedOf,
} from "../../../experiments/methods/chosen.ts";
import { budgetMethods } from "../../../experiments/methods/budget/budget.ts";
import budget from "../../../experiments/methods/budget/learning_rates.json" with { type: "json" };
import { e2eMethods, e2eRates } from "../../../experiments/methods/e2e/runs.ts";
import e2e from "../../../experiments/methods/e2e/learning_rates.json" with { type: "json" };
import skills from "../../../experiments/methods/skills/learning_rates.json" with {
  type: "json",
};
import {
  chosenOnSkill,
  type FoundOnSkills,
  methodTasks,
  onBothTasks,
  onSkills,
  searchedAlone,
  skillMethods,
} from "../../../experiments/methods/skills/runs.ts";
import {
  chooseLeast,
  chooseMost,
  rateBeyond,
  ratesAround,
} from "../../../experiments/methods/rates.ts";

Deno.test("a grid is half-decades around its prior, the last one above it", () => {
  assertEquals(ratesAround(1e-2, 3), [3e-3, 1e-2, 3e-2]);
  assertEquals(ratesAround(3e-1, 4), [3e-2, 1e-1, 3e-1, 1]);
  assertThrows(() => ratesAround(2e-2, 3), RangeError, "a prior of its ladder, found 0.02");
  assertThrows(() => ratesAround(1e-5, 3), RangeError, "a grid of 3 rates");
});

Deno.test("the best rate, the lower of equals, and never one that diverged", () => {
  assertEquals(chooseLeast({ 0.1: 2, 0.01: 2, 1: null }), { learningRate: 0.01, end: "lowest" });
  assertEquals(chooseLeast({ 0.01: 3, 0.1: 2, 1: 4 }), { learningRate: 0.1 });
  assertEquals(chooseMost({ 0.01: 0.5, 0.1: 0.6, 1: null }).learningRate, 0.1);
  assertEquals(chooseMost({ 0.01: null, 0.1: null, 1: 0 }).learningRate, 1);
});

Deno.test("beyond an end is the next rate of the ladder, which ends as well", () => {
  assertEquals(rateBeyond({ learningRate: 3e-3, end: "lowest" }), [1e-3]);
  assertEquals(rateBeyond({ learningRate: 3e-2, end: "highest" }), [1e-1]);
  assertEquals(rateBeyond({ learningRate: 3e-2 }), []);
  assertEquals(rateBeyond({ learningRate: 3, end: "highest" }), []);
  assertEquals(rateBeyond({ learningRate: 1e-5, end: "lowest" }), []);
});

Deno.test("a method has tried its whole grid and no more, on what is not reported, or is left out by name", () => {
  assertEquals([e2e.split, e2e.seed], ["validation", 1000]);
  const { searched, leftOut } = searchedMethods(e2e, e2eMethods, e2eRates);
  for (const method of searched) {
    const tried = Object.keys(triedOf(e2e, method, e2eRates)).map(Number);
    assertEquals(
      tried.toSorted((a, b) => a - b),
      [...ratesAround(method.prior, e2eRates)],
      method.key,
    );
  }
  assertEquals(Object.keys(e2e.tried).toSorted(), searched.map(({ key }) => key).toSorted());
  for (const method of e2eMethods) {
    assertEquals(leftOut.includes(method.label), !searched.includes(method), method.key);
  }
});

Deno.test("on skills every size has tried its whole grid and no more, on each task", () => {
  const searches = [
    { found: skills, searched: onSkills },
    { found: budget, searched: onBothTasks(budgetMethods) },
  ];
  for (const { found, searched } of searches) {
    assertEquals(found.split, "validation");
    const { tasks }: FoundOnSkills = found;
    const names = searched.map(({ task }) => task.name);
    assertEquals(Object.keys(tasks).toSorted(), names.toSorted());
    for (const { task, methods } of searched) {
      const alone = allSizes(methods).map(searchedAlone), tried = tasks[task.name];
      assertEquals(Object.keys(tried).toSorted(), alone.map(({ key }) => key).toSorted());
      for (const { key, prior } of alone) {
        const rates = Object.keys(tried[key]).map(Number).toSorted((a, b) => a - b);
        assertEquals(rates, [...ratesAround(prior, 3)], key);
      }
    }
  }
});

Deno.test("on skills a size has the rate of its own search on that task, and its loss", () => {
  const [task] = methodTasks, [full] = skillMethods, cell: SizedMethod = [full, full.sizes[0]];
  const tried = { "full all": { "0.001": 3, "0.003": 2, "0.01": null } };
  const chosen = { learningRate: 0.003, validation: 2 };
  assertEquals(chosenOnSkill({ tasks: { [task.name]: tried } }, task, cell), chosen);
  const search = () => chosenOnSkill({ tasks: {} }, task, cell);
  assertThrows(search, RangeError, "full all needs a search of all of its rates");
});

Deno.test("a method whose search is not whole is named", () => {
  const [method] = e2eMethods;
  const search = () => triedOf({ tried: { [method.key]: { "0.001": 3 } } }, method, 3);
  assertThrows(search, RangeError, "full needs a search of all of its rates, found none of 0.0001");
});
