/**
 * The end of a test run: failures by name, the slowest tests and files, the share of tiers and folders.
 *
 * @module
 */

import { overBudget } from "./budget.ts";
import { tiersOf } from "./jobs.ts";
import type { TestRun } from "./junit.ts";
import type { Outcome } from "./process.ts";

/** Seconds from which a run is long enough to ask where its time goes. */
const tabledFrom = 60;

/** The slowest tests and files, the seconds of tiers and folders, and last the failures by name. */
export function summary(outcomes: readonly Outcome[], seconds: number): string {
  const tests = outcomes.flatMap(({ tests }) => tests);
  const files = Object.entries(fileSeconds(outcomes));
  const processes = outcomes.reduce((sum, { seconds }) => sum + seconds, 0);
  const tables = seconds < tabledFrom ? [] : [
    slowest(
      "slowest tests",
      topLevel(tests).map(({ file, name, seconds }) => [`${file}: ${name}`, seconds]),
    ),
    slowest("slowest files", files),
    shares("tiers", files, tierName),
    shares("folders", files, folderOf),
  ];
  return [
    ...tables,
    `${minutes(seconds)}; all processes together ${minutes(processes)}`,
    [...overBudget(topLevel(tests), files), ...failures(outcomes)].join("\n"),
  ].filter(Boolean).join("\n\n");
}

/** Seconds of each file, by path in alphabetical order; examples are counted by the path that has them. */
export function fileSeconds(outcomes: readonly Outcome[]): Record<string, number> {
  const rows = outcomes.flatMap(({ files }) => Object.entries(files)).toSorted();
  return Object.fromEntries(rows.map(([path, seconds]) => [path, Number(seconds.toFixed(1))]));
}

/** The tests that are no steps of others: a test's time includes that of its steps. */
function topLevel(tests: readonly TestRun[]): TestRun[] {
  const named = new Set(tests.map(({ file, name }) => `${file} ${name}`));
  const isStep = ({ file, name }: TestRun) =>
    [...name.matchAll(/ > /g)].some(({ index }) => named.has(`${file} ${name.slice(0, index)}`));
  return tests.filter((test) => !isStep(test));
}

function slowest(title: string, rows: readonly (readonly [string, number])[]): string {
  const top = rows.toSorted(([, a], [, b]) => b - a).slice(0, 20);
  return [
    `${title} (s)`,
    ...top.map(([name, seconds]) => `${seconds.toFixed(1).padStart(7)}  ${name}`),
  ]
    .join("\n");
}

function shares(
  title: string,
  files: readonly (readonly [string, number])[],
  groupOf: (path: string) => string,
): string {
  const whole = sum(files.map(([, seconds]) => seconds));
  const groups = Map.groupBy(files, ([path]) => groupOf(path));
  const rows = [...groups].map(([name, own]) =>
    [name, own.length, sum(own.map(([, s]) => s))] as const
  )
    .sort(([, , a], [, , b]) => b - a);
  const line = ([name, count, seconds]: readonly [string, number, number]) =>
    `${seconds.toFixed(1).padStart(7)}  ${
      (100 * seconds / whole).toFixed(0).padStart(3)
    }%  ${name} (${count})`;
  return [`${title} (s, share, files)`, ...rows.map(line)].join("\n");
}

const tierName = (path: string): string =>
  path.endsWith("_test.ts") ? tiersOf(path).join(" and ") : "examples";

const folderOf = (path: string): string =>
  path.endsWith("_test.ts") ? path.split("/").slice(0, -1).slice(0, 2).join("/") : "examples";

function failures(outcomes: readonly Outcome[]): string[] {
  const failed = outcomes.flatMap(({ tests }) => tests).filter(({ outcome }) =>
    outcome === "failed"
  );
  return [
    ...failed.map(({ file, name }) => `FAILED ${file}: ${name}`),
    ...outcomes.flatMap(({ failures }) => failures).map((failure) => `FAILED ${failure}`),
  ];
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

const minutes = (seconds: number): string => `${(seconds / 60).toFixed(1)} min`;
