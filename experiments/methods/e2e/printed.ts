/** Table 3 as methods on E2E, for rules to be tried on (decision 0052). @module */

import { measured } from "../../../src/paper/printed/mod.ts";
import { noiseOnE2e, onE2e, printedRows } from "../printed.ts";
import { E2eComparison, type E2eRow } from "./rows.ts";

/** Our keys of the metrics, and the table's columns. */
const columns = {
  value: "BLEU",
  nist: "NIST",
  meteor: "MET",
  rougeL: "ROUGE-L",
  cider: "CIDEr",
} as const;

type Key = keyof typeof columns;

const byMetric = <T>(valueOf: (column: string) => T) =>
  Object.fromEntries(
    Object.entries(columns).map(([key, column]) => [key, valueOf(column)]),
  ) as Record<Key, T>;

/** Our keys where the study has two sizes of a method as two methods. */
const keyOf = (key: string, size: string) =>
  key.startsWith("adapter") && size === "" ? `${key}-large` : key;

function rows(): E2eRow[] {
  const found = printedRows(onE2e, () => 0, () => 1).map((row, i): E2eRow => {
    const [, printed] = onE2e[i], key = keyOf(row.key, row.size);
    const scores = byMetric((column) => Number(measured("table3", printed, column)));
    return { ...row, key, size: "", ...scores };
  });
  // What is not trained has no printed score.
  const untrained = ["base", "values"].map((key) => ({
    ...{ ...found[0], key, family: "baseline", compared: 0, trained: 0 } as const,
    ...byMetric(() => 0),
  }));
  return [...found, ...untrained];
}

/** GPT-2 medium, in five metrics. */
export const onGpt2 = {
  where: "table 3: GPT-2 medium",
  rows: new E2eComparison(rows(), byMetric(noiseOnE2e)),
};
