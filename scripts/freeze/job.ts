/**
 * The `results.json` of the default job: verdicts, claims and numbers.
 *
 * Left out: `seconds`, `facts` (commit, date, device), columns of tables whose unit is a time, and, of the
 * experiments in `timed` and of claims like `timedClaim`, whose numbers are of a clock or of the machine's memory, all
 * but claims, rules and printed values; their verdicts are compared as a note. Numbers are those of two threads with
 * OpenBLAS: on another machine they may differ where the verdicts do not.
 *
 * @module
 */

import { digest } from "./places.ts";
import { keysOf } from "./api.ts";

/** Experiments that read a clock, or what the process holds. */
const timed = new Set([
  ...["latency", "latency-medium", "many-adapters", "runs-at-once", "switching", "resident"],
  ...["step-cost", "full-size-layer", "quantized-step", "four-bit-product"],
]);

/** The unit of columns that are left out. */
const timeUnit = "time";

/** Claims on a clock in an experiment that has others. */
const timedClaim = /^Merged LoRA adds no latency/;

/** Frozen fields of one claim. */
interface Claim {
  readonly rule: string;
  readonly verdict: string;
  readonly numbers: string;
  /** True if its numbers are of a clock. */
  readonly onClock: boolean;
}

/** Frozen fields of one experiment. */
interface Kept {
  readonly settings: string;
  readonly isTimed: boolean;
  readonly claims: Record<string, Claim>;
  /** Hash of each row, by table and number. */
  readonly rows: Record<string, string>;
}

/** Frozen fields of all experiments. */
export type Job = Record<string, Kept>;

// deno-lint-ignore no-explicit-any -- a file's JSON
type Json = any;

/** Reads a `results.json`. */
export async function readJob(path: string): Promise<Job> {
  const { results } = JSON.parse(await Deno.readTextFile(path)), job: Job = {};
  for (const one of results as Json[]) job[one.name] = await kept(one);
  return job;
}

async function kept({ name, settings, findings, tables }: Json): Promise<Kept> {
  const isTimed = timed.has(name),
    claims: Record<string, Claim> = {},
    rows: Record<string, string> = {};
  for (const { claim, rule, verdict, printed, ours, found, note, beyond } of findings) {
    const onClock = isTimed || timedClaim.test(claim);
    const numbers = onClock ? [printed, beyond] : [printed, beyond, ours, found, note];
    claims[claim] = { rule, verdict, numbers: JSON.stringify(numbers), onClock };
  }
  for (const { id, columns, rows: all } of tables as Json[]) {
    const keys = columns.filter(({ unit }: Json) => unit !== timeUnit).map(({ key }: Json) => key);
    rows[`${id} columns`] = await digest(JSON.stringify(columns));
    rows[`${id} length`] = String(all.length);
    if (isTimed) continue;
    const hashes = await Promise.all(
      all.map((row: Json) => digest(JSON.stringify(keys.map((key: string) => row[key] ?? null)))),
    );
    // Of long tables, blocks of rows, so that the frozen file is small.
    const block = Math.ceil(hashes.length / 20) || 1;
    for (let i = 0; i < hashes.length; i += block) {
      rows[`${id} row ${i}`] = (await digest(hashes.slice(i, i + block).join())).slice(0, 10);
    }
  }
  return { settings: isTimed ? "" : settings, isTimed, claims, rows };
}

/** Differences, a line each. */
export function compareJob(old: Job, now: Job): string[] {
  const lines: string[] = [];
  for (const name of keysOf(old, now)) {
    const [one, other] = [old[name], now[name]];
    if (!one || !other) {
      lines.push(`${name} is ${one ? "missing" : "new"}`);
      continue;
    }
    if (one.settings !== other.settings) lines.push(`${name}: settings are "${other.settings}"`);
    for (const claim of keysOf(one.claims, other.claims)) {
      const [before, after] = [one.claims[claim], other.claims[claim]],
        title = `${name}: "${claim}"`;
      if (!before || !after) lines.push(`${title} is ${before ? "missing" : "new"}`);
      else {
        if (before.verdict !== after.verdict) {
          const note = before.onClock ? "note: " : "";
          lines.push(`${note}${title}: ${after.verdict}, was ${before.verdict}`);
        }
        if (before.rule !== after.rule) lines.push(`${title} has another rule`);
        if (before.numbers !== after.numbers) {
          lines.push(`${title}: ${after.numbers}, was ${before.numbers}`);
        }
      }
    }
    for (const row of keysOf(one.rows, other.rows)) {
      if (one.rows[row] !== other.rows[row]) lines.push(`${name}: ${row} differs`);
    }
  }
  return lines;
}
