/** Findings and outcomes. @module */

import type { Finding, Outcome } from "../../../experiments/mod.ts";
import type { DataTable } from "../../figures/figure.ts";
import type { Part } from "../part.ts";

/** True for one claim with its verdict. */
export function isFinding(value: unknown): value is Finding {
  return typeof value === "object" && value !== null && "claim" in value && "found" in value &&
    "verdict" in value;
}

/** Claims with what was found; each claim has its rule below it. */
export function findingTable(findings: readonly Finding[]): DataTable {
  return {
    id: "findings",
    title: findings.length === 1 ? "A claim, with its rule" : "Claims, each with its rule",
    columns: [
      { key: "claim", label: "claim", unit: "text", detail: "rule" },
      { key: "verdict", label: "verdict", unit: "verdict" },
      { key: "found", label: "found", unit: "text" },
    ],
    rows: findings.map(({ claim, rule, verdict, found }) => ({ claim, rule, verdict, found })),
  };
}

/** Everything in an experiment's outcome. */
export function describeOutcome({ settings, findings, figures, tables }: Outcome): Part[] {
  const claims = findings.length === 0 ? [] : [findingTable(findings)];
  return [settings, ...claims, ...figures, ...tables];
}
