/** Findings and outcomes. @module */

import type { Finding, Outcome } from "../../../experiments/mod.ts";
import type { DataTable } from "../../figures/figure.ts";
import type { Part } from "../part.ts";

/** True for one claim with its verdict. */
export function isFinding(value: unknown): value is Finding {
  return typeof value === "object" && value !== null && "claim" in value && "found" in value &&
    "verdict" in value;
}

/** Claims with what was found; the rule stands below each claim. */
export function findingTable(findings: readonly Finding[]): DataTable {
  return {
    id: "findings",
    title: "Claims, each with its rule, which was written before the run",
    columns: [
      { key: "claim", label: "claim", unit: "text", detail: "rule" },
      { key: "verdict", label: "verdict", unit: "verdict" },
      { key: "found", label: "found", unit: "text" },
    ],
    rows: findings.map((finding) => ({ ...finding })),
  };
}

/** All that an experiment gave back. */
export function describeOutcome({ settings, findings, figures, tables }: Outcome): Part[] {
  const claims = findings.length === 0 ? [] : [findingTable(findings)];
  return [settings, ...claims, ...figures, ...tables];
}
