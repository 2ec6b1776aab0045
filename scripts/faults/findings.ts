/** Findings of faults: kept as one line of JSON each, shown as text or as a table. @module */

import type { Finding } from "./measure.ts";

/**
 * The findings of a file by the sentence of their fault; none where there is no file. Of a fault that was measured
 * several times, the last one: a run that is continued adds lines and removes none.
 */
export function readFindings(path: string): Map<string, Finding> {
  const findings = linesOf(path).map((line): Finding => JSON.parse(line));
  return new Map(findings.map((finding) => [finding.what, finding]));
}

/** Adds a finding to a file, as its last line. */
export function addFinding(path: string, finding: Finding): void {
  Deno.writeTextFileSync(path, JSON.stringify(finding) + "\n", { append: true });
}

/**
 * A finding in two lines, for a terminal:
 *
 * ```
 * caught pods are counted from 0 (src/runs/plan.ts)
 *        tests/runs/plan_test.ts: 2 tests in 1 of 7 files, 40 reached, 11 s
 * ```
 */
export function findingText(finding: Finding): string {
  const { what, file, caught, by, tests, files, ran, reached, seconds } = finding;
  const noticed = caught ? `${by}: ${tests} tests in ${files} of` : "none of";
  return `${caught ? "caught" : "MISSED"} ${what} (${file})\n` +
    `       ${noticed} ${ran} files, ${reached} reached, ${seconds} s`;
}

/** A table in Markdown of the faults in two files of findings, with the test file that noticed each in either. */
export function findingsTable(beforePath: string, afterPath: string): string {
  const before = readFindings(beforePath), after = readFindings(afterPath);
  const rows = [...new Set([...before.keys(), ...after.keys()])].map((what) => {
    const { file } = (before.get(what) ?? after.get(what))!;
    return [what, `\`${file}\``, cellOf(before.get(what)), cellOf(after.get(what))];
  });
  const header = ["fault", "file", "before", "after"];
  return [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join(
    "\n",
  );
}

function cellOf(finding: Finding | undefined): string {
  if (!finding) return "not run";
  const { caught, by, tests, files, ran } = finding;
  return caught ? `\`${by}\`, ${tests} in ${files} of ${ran}` : `missed by ${ran}`;
}

function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter(Boolean);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
