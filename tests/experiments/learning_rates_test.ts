/** Learning rates of the methods, and searches of them. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import found from "../../experiments/adaptation/learning_rates.json" with { type: "json" };
import { learningRateGrid, learningRateOf, methods } from "../../experiments/adaptation/methods.ts";
import { tryRates } from "../../experiments/rate_search.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";

Deno.test("every method tried the whole grid, and none is best at its edge", () => {
  const losses: Record<string, Record<string, number>> = found.losses;
  assertEquals(found.split, "validation");
  for (const method of methods) {
    const tried = Object.keys(losses[method.key]).map(Number).sort((a, b) => a - b);
    assertEquals(tried, [...learningRateGrid], method.label);
    const place = tried.indexOf(learningRateOf(method));
    assert(place > 0 && place < tried.length - 1, `${method.label}: ${tried[place]}`);
  }
});

const context = {} as RunContext;

/** A run that gives its rate, or fails. */
function planned(rate: number, reason: string): PlannedRun {
  const make = () =>
    rate < 1
      ? Promise.resolve({ metrics: { accuracy: rate } } as never)
      : Promise.reject(new RangeError(reason));
  return { label: "run", steps: 1, chosen: rate, spec: () => ({}) as never, make };
}

Deno.test("a rate that diverges gives null, and any other failure ends the search", async () => {
  const tried = (reason: string) =>
    tryRates([0.5, 2], (rate) => planned(rate, reason), ({ accuracy }) => accuracy, context);
  const found = await tried("training needs a finite loss, found NaN at step 3 of 9");
  assertEquals(found, { 0.5: 0.5, 2: null });
  await assertRejects(() => tried("there is no base"), RangeError, "there is no base");
});
