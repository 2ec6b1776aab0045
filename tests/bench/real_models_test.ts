/** Cases, comparisons and tables of `bench:real`; nothing is timed here. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { labelsOf } from "../../bench/real_batches.ts";
import { parseArguments, realCases } from "../../bench/real_cases.ts";
import type { Cell, RealReport } from "../../bench/real_models.ts";
import { assertAgreement, tableOf } from "../../bench/real_models_table.ts";

const report = (ms: number[], loss = 2, peakBytes = 4e8): RealReport => ({
  ...{ device: "a device", ms, checks: [[3], [loss]] },
  ...{ importedBytes: 1e8, loadedBytes: 2e8, peakBytes },
});

const cellOf = (reports: Record<string, RealReport[]>, others: Partial<Cell> = {}): Cell => ({
  ...{ name: "a-case", fileBytes: 1e8, labels: [], reports: new Map(Object.entries(reports)) },
  ...others,
});

Deno.test("cases are chosen by name, and all run where none is named", () => {
  assertEquals(parseArguments([]), { rounds: 2, chosen: realCases });
  const { rounds, chosen } = parseArguments(["3", "minilm-full-trec", "gpt2-lora-e2e-half"]);
  assertEquals([rounds, ...chosen], [
    3,
    {
      ...{ name: "gpt2-lora-e2e-half", model: "gpt2-half", workload: "lora-e2e-half" },
      texts: "e2e",
    },
    { name: "minilm-full-trec", model: "minilm", workload: "full-trec", texts: "trec" },
  ]);
  assertThrows(
    () => parseArguments(["gpt2-lora"]),
    RangeError,
    'usage: bench:real [ROUNDS] [CASE…], found "gpt2-lora" for ROUNDS',
  );
  assertThrows(
    () => parseArguments(["1", "lora"]),
    RangeError,
    "a case is one of smollm2-forward, smollm2-lora, ",
  );
});

Deno.test("a contender that finds another loss is refused, those in bf16 by their own rule", () => {
  const ours = [report([1])], other = (loss: number) => [report([1], loss)];
  assertAgreement(cellOf({ ours, "torch sdpa": other(2.0002) }));
  for (const [name, loss] of [["torch sdpa", 2.001], ["ours before", NaN]] as const) {
    const refused = () => assertAgreement(cellOf({ ours, [name]: other(loss) }));
    assertThrows(refused, Error, `a-case: ${name} must agree to 0.0001, found`);
  }
  const widened = report([1], 2.0001);
  assertAgreement(cellOf({ ours, "torch sdpa": other(2.01) }, { widened }));
  assertThrows(
    () => assertAgreement(cellOf({ ours: other(2.001), "torch sdpa": ours }, { widened })),
    Error,
    "ours must agree to 0.0001, found",
  );
  assertThrows(
    () => assertAgreement(cellOf({ ours, "torch sdpa": other(2.1) }, { widened })),
    Error,
    "torch sdpa must agree to 0.0078125, found",
  );
});

Deno.test("steps of one batch are compared over rounds, and the faster attention counts", () => {
  const cell = cellOf({
    ours: [report([100, 300], 2, 2e8), report([200, 200], 2, 2e8)],
    "torch eager": [report([500, 400]), report([400, 400])],
    "torch sdpa": [report([300, 400]), report([600, 500])],
    "torch packed": [report([150, 450]), report([150, 450])],
  }, { labels: [10, 20] });
  const table = tableOf([cell]);
  // The least of the batches are 100 and 200: 1 / 0.15 s steps a second, of 15 labels.
  assertStringIncludes(
    table,
    "| a-case | ours | 150 | 250 | 1.00 | 1.00 | 6.67 | 100 | 200 | 100 |",
  );
  assertStringIncludes(
    table,
    "| a-case | torch sdpa | 350 | 550 | 0.43 | 0.45 | 2.86 | 43 | 400 |",
  );
  assertStringIncludes(
    table,
    "- a-case: 2.33 times as fast as torch sdpa (2.20 by medians) at 0.50 of its peak memory; 2.00 times " +
      "as fast as torch packed (1.20 by medians)",
  );
  const fixed = cellOf({ ...Object.fromEntries(cell.reports) });
  assertStringIncludes(tableOf([fixed]), "| a-case | ours | 100 | 200 | 1.00 | 1.00 | 10.00 | – |");
});

Deno.test("labels are the tokens of completions, or one for a class", () => {
  const batches = [
    [{ tokens: [1, 2, 3, 4], scoredFrom: 2 }, { tokens: [1, 2], scoredFrom: 1 }],
    [{ tokens: [1, 2, 3], label: 0 }],
  ];
  assertEquals(labelsOf({ padding: 0, batches }), [3, 1]);
  assert(realCases.every(({ workload, texts }) => !texts || workload.includes(texts)));
});
