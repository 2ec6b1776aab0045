/**
 * Many adapters in one batch beside PEFT's `adapter_names`: `LOWRANK_PYTHON=path/to/python deno task bench:adapters [ROUNDS]`.
 *
 * 128 rows of 16 tokens through `models/tiny-gpt2`, all logits, two threads: the base, one adapter of rank 8 on
 * all linear layers, and sets whose rows take turns. Both read the same adapters from PEFT folders; processes
 * alternate, in each all cases take turns, and the last logits of every row must agree.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Variant } from "../experiments/cost/random_adapters.ts";
import { lastLineOf } from "./environment.ts";

/** Our small base. */
export const baseFolder: string = fileURLToPath(new URL("../models/tiny-gpt2", import.meta.url));

/** Tokens of a row, and rounds in a process, each timing every case. */
export const rowLength = 16, timedRounds = 15;

/** The timed cases. */
export const cases: readonly { readonly kind: Variant["kind"]; readonly count: number }[] = [
  { kind: "base", count: 0 },
  { kind: "base again", count: 0 },
  { kind: "single", count: 1 },
  ...[1, 8, 32, 128].map((count) => ({ kind: "set", count } as const)),
];

/** The line that a contender's process prints: times in ms, and last logits, for each case. */
export interface AdaptersReport {
  /** The device that computed. */
  readonly device: string;
  /** Results in the order of the cases. */
  readonly results: readonly { minimum: number; median: number; check: readonly number[] }[];
}

/** Largest difference of logits, relative to the largest. */
const tolerance = 1e-4;

const here = fileURLToPath(new URL("contenders/", import.meta.url));
const ours = ["run", "-A", "--no-lock", `${here}ours_adapters.ts`];

/** The largest difference of any case, relative to the largest logit. */
function differenceOf(one: AdaptersReport, other: AdaptersReport): number {
  return Math.max(...one.results.map(({ check }, i) => {
    const { check: found } = other.results[i], largest = Math.max(...check.map(Math.abs));
    if (found.length !== check.length) {
      throw new Error(`found ${found.length} logits of ${check.length}`);
    }
    return Math.max(...check.map((value, at) => Math.abs(value - found[at]))) / largest;
  }));
}

/** The least of all rounds of a contender, for each case. */
const leastOf = (reports: readonly AdaptersReport[]): number[] =>
  cases.map((_, i) => Math.min(...reports.map(({ results }) => results[i].minimum)));

function tableOf(reports: readonly (readonly AdaptersReport[])[]): string {
  const all = reports.map(leastOf), single = cases.findIndex(({ kind }) => kind === "single");
  const cells = cases.map(({ kind, count }, i) => [
    kind === "set" ? `${count} adapters` : kind,
    ...all.flatMap((least) => [least[i].toFixed(1), (least[i] / least[single]).toFixed(2)]),
    (all[1][i] / all[0][i]).toFixed(2),
  ]);
  const head = ["case", "ours, ms", "times one", "PEFT, ms", "times one", "PEFT by ours"];
  const rows = [head, head.map((_, i) => i === 0 ? "---" : "--:"), ...cells];
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** PEFT folders of all adapters; they are made once and kept. */
async function prepare(): Promise<string> {
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/lowrank_bench_adapters`;
  const marker = `${folder}/saved`; // written last
  if (await Deno.stat(marker).then(() => true, () => false)) return folder;
  await lastLineOf("blas", Deno.execPath(), [...ours, "save", folder]);
  await Deno.writeTextFile(marker, "");
  return folder;
}

if (import.meta.main) {
  const python = Deno.env.get("LOWRANK_PYTHON") ?? "python3", given = JSON.stringify(cases);
  const peft = [`${here}peft_adapters.py`, baseFolder, await prepare(), given, `${timedRounds}`];
  const programs = [[Deno.execPath(), ours], [python, peft]] as const;
  const reports: AdaptersReport[][] = [[], []];
  for (let round = 0; round < Number(Deno.args[0] ?? 3); round++) {
    for (const [i, [program, args]] of programs.entries()) {
      reports[i].push(JSON.parse(await lastLineOf("blas", program, args)));
    }
  }
  const difference = differenceOf(reports[0][0], reports[1][0]);
  if (!(difference <= tolerance)) {
    throw new Error(`logits must agree to ${tolerance}, found ${difference.toExponential(1)}`);
  }
  console.log(reports.map(([{ device }]) => device).join("; "));
  console.log(
    `largest difference of logits: ${difference.toExponential(1)}\n\n${tableOf(reports)}`,
  );
}
