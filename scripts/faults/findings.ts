/** Findings of faults, as lines of JSON in a file. @module */

import type { Finding } from "./measure.ts";

/** The findings of a file, the last of each fault, by its sentence; none where there is no file. */
export function readFindings(path: string): Map<string, Finding> {
  const findings = linesOf(path).map((line): Finding => JSON.parse(line));
  return new Map(findings.map((finding) => [finding.what, finding]));
}

/** Adds a finding to a file. */
export function addFinding(path: string, finding: Finding): void {
  Deno.writeTextFileSync(path, JSON.stringify(finding) + "\n", { append: true });
}

/** A finding in two lines. */
export function findingText(finding: Finding): string {
  const { what, file, caught, by, tests, files, ran, reached, seconds } = finding;
  const found = caught ? `${by}: ${tests} tests in ${files} of` : "none of";
  return `${caught ? "caught" : "MISSED"} ${what} (${file})\n` +
    `       ${found} ${ran} files, ${reached} reached, ${seconds} s`;
}

/** A table of faults in Markdown, with what noticed each in one run and another. */
export function findingsTable(before: string, after: string): string {
  const [one, other] = [before, after].map(readFindings);
  const rows = [...new Set([...one.keys(), ...other.keys()])].map((what) => {
    const { file } = (one.get(what) ?? other.get(what))!;
    return [what, `\`${file}\``, cellOf(one.get(what)), cellOf(other.get(what))];
  });
  const lines = [["fault", "file", "before", "after"], Array(4).fill("---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
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
