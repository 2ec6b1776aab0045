/** The shipped rows of several machines: where each is from, and those of before beside those of now. @module */

import { join } from "node:path";
import { readJson, writeJsonAtomic } from "../../src/storage/files.ts";
import { kindOf } from "../../src/storage/storage.ts";
import type { RealRow, RealRows } from "./rows.ts";
import type { RealRun } from "./runs.ts";
import type { ScaledRow } from "./scaling.ts";
import type { CellLine } from "./similarities.ts";
import type { UpdateLine } from "./update_lines.ts";

/** The making of a run or of a measurement. */
export interface Source {
  /** The device's description: threads, BLAS and the processor that it found. */
  readonly device: string;
  /** The commit that was checked out, where that is known. */
  readonly commit?: string;
  /** `2026-12-01`, where it is known. */
  readonly date?: string;
}

/** `commit 61ac58b, cpu, 1 thread, …, 2026-12-01`. */
export const sourceText = ({ commit, device, date }: Source): string =>
  `commit ${commit?.slice(0, 7) ?? "not known"}, ${device}, ${date ?? "day not known"}`;

/** The source of what is made now. */
export const sourceNow = (commit: string | undefined, device: string): Source => ({
  ...{ commit, device, date: new Date().toISOString().slice(0, "2026-12-01".length) },
});

/** The file of a run's {@link Source} in its folder. */
const sourceFile = "source.json";

/** Keeps the source of a run that this program has finished, in the run's folder. */
export const keepSource = (folder: string, source: Source): Promise<void> =>
  writeJsonAtomic(join(folder, sourceFile), source);

/** A finished run's source: its device alone where none was kept. */
export async function readSource(folder: string): Promise<Source> {
  const file = join(folder, sourceFile), isKept = await kindOf(file) === "file";
  const { commit, device, date } = await readJson(
    isKept ? file : join(folder, "done.json"),
  ) as Source;
  return { commit, device, date };
}

/** The sources of some rows, each once. */
export const sourcesOf = (rows: readonly { readonly source?: string }[]): string =>
  [...new Set(rows.flatMap(({ source }) => source?.split("; ") ?? []))].sort().join("; ");

/** The seeds of data of some rows, in order. */
export const seedsOf = (rows: readonly { readonly seed?: number }[]): number[] =>
  [...new Set(rows.flatMap(({ seed }) => seed ?? []))].sort((a, b) => a - b);

/** The rows of now, and before them those of before that have no successor. */
function mergedBy<Row>(before: readonly Row[], now: readonly Row[], nameOf: (row: Row) => string) {
  const names = new Set(now.map(nameOf));
  return [...before.filter((row) => !names.has(nameOf(row))), ...now];
}

const rowName = ({ key, seed, start, steps }: RealRow) => `${key} ${seed} ${start} ${steps}`;

/** Rows of runs; what is not trained comes first. */
export function mergedRows(before: RealRows, now: RealRows): RealRows {
  const rows = mergedBy(before.rows, now.rows, rowName);
  const isUntrained = ({ family }: RealRow) => family === "baseline";
  return {
    ...now,
    rows: [...rows.filter(isUntrained), ...rows.filter((row) => !isUntrained(row))],
  };
}

/** Numbers of updates. */
export const mergedUpdates = (before: readonly UpdateLine[], now: readonly UpdateLine[]) =>
  mergedBy(before, now, ({ name, site }) => `${name} ${site}`);

/** Losses with intruders scaled. */
export const mergedScaled = (before: readonly ScaledRow[], now: readonly ScaledRow[]) =>
  mergedBy(before, now, ({ key, seed, part, share }) => `${key} ${seed} ${part} ${share}`);

/** Cells: of two the one with more pairs. */
export function mergedCells(before: readonly CellLine[], now: readonly CellLine[]): CellLine[] {
  const nameOf = ({ cell, at, steps, space, site }: CellLine) =>
    `${cell} ${at} ${steps} ${space} ${site}`;
  const known = new Map(before.map((line) => [nameOf(line), line.pairs]));
  return mergedBy(
    before,
    now.filter((line) => line.pairs >= (known.get(nameOf(line)) ?? 0)),
    nameOf,
  );
}

/** Runs whose adapters are compared or scaled: rows alone do not stand for them. */
const compared = ["qv-1", "qv-4", "qv-8", "qv-64"];

/** True where a shipped row makes a run unnecessary, on whatever machine it was made. */
export const isShippedRun = (rows: readonly RealRow[], run: RealRun): boolean =>
  !compared.includes(run.key) &&
  rows.some(({ key, seed, start, steps, learningRate }) =>
    key === run.key && seed === run.data && start === run.start && steps === run.steps &&
    learningRate === run.learningRate
  );
