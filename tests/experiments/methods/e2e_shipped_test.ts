/** Shipped rows of the study on E2E: a whole job, at the rates of the search. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import shipped from "../../../experiments/methods/e2e/e2e.json" with { type: "json" };
import { chosenRuns, methodsOnE2e } from "../../../experiments/methods/e2e/e2e.ts";
import type { E2eRow } from "../../../experiments/methods/e2e/rows.ts";
import type { ShippedRows } from "../../../experiments/methods/study.ts";
import { DryDevice } from "../../../src/device/dry.ts";

const { rows, seeds } = shipped as ShippedRows;

Deno.test("every run of a whole job is shipped, at the rate of the search", () => {
  if (rows.length === 0) return; // The next test says what the job says then.
  const wanted = chosenRuns(seeds, false).map(({ method, size, seed, learningRate }) =>
    [method.key, size.size, seed, learningRate].join()
  );
  const [base, values, ...trained] = rows as readonly E2eRow[];
  assertEquals([base.key, values.key, base.trained, values.trained], ["base", "values", 0, 0]);
  assertEquals(
    trained.map(({ key, size, seed, learningRate }) => [key, size, seed, learningRate].join()),
    wanted,
  );
  assertEquals(wanted.length, 7 * seeds.length);
  for (const { trained: values, loss } of trained) assert(values > 0 && Number.isFinite(loss));
});

Deno.test("the default job trains nothing, and quotes the rows or says that there are none", async () => {
  using device = new DryDevice();
  const plan = { seeds: [1], quick: false, full: false };
  assertEquals(await methodsOnE2e.runs!(plan), []);
  const { signal } = new AbortController(), context = { ...plan, device, out: "", signal };
  const { settings, findings, tables } = await methodsOnE2e.run({ ...context, report: () => {} });
  if (rows.length === 0) {
    assertMatch(settings, /^Left out: only --full trains its runs/);
    return;
  }
  assertMatch(settings, /Quoted, not measured in this job: --full, commit [0-9a-f]{7}/);
  for (const { ours = "", note } of findings) {
    assertMatch(ours || note!, / \(quoted\)$|Quoted, not measured/);
  }
  assertEquals(tables[2].rows.length, rows.length);
});
