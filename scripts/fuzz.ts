/**
 * Tries many corrupted inputs of every kind that comes from outside: `fuzz.ts --runs 20000 --seed 1`.
 *
 * A find is printed as JSON for a file in `tests/golden/hostile/`, where a core test replays it.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { kinds } from "../tests/fuzz/kinds.ts";
import { fuzzWatched, type WatchedReport } from "../tests/fuzz/watched.ts";

const { values: options } = parseArgs({
  options: { runs: { type: "string" }, seed: { type: "string" }, kind: { type: "string" } },
});

/** The value of an option, if it is a whole number that a seed or a count may be. */
function wholeNumber(name: "runs" | "seed", otherwise: number): number {
  const text = options[name], value = Number(text ?? otherwise);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31 && text !== "") return value;
  console.error(`--${name} must be a whole number below 2^31, found ${text}`);
  Deno.exit(2);
}

const runs = wholeNumber("runs", 20_000);
const seed = wholeNumber("seed", crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
const all = kinds.map(({ name }) => name);
const names = all.filter((name) => name.includes(options.kind ?? ""));
if (names.length === 0) {
  console.error(`--kind must be a part of one of ${all.join(", ")}; found ${options.kind}`);
  Deno.exit(2);
}

/** Megabytes by which memory may grow during the second half of the inputs; level memory moves by 10. */
const mostGrowth = 64;

/** Whether the inputs leave something behind. */
function leaks({ megabytes, find }: WatchedReport): boolean {
  return find === undefined && megabytes.at(-1)! - megabytes[megabytes.length >> 1] > mostGrowth;
}

function print({ kind, accepted, refused, slowestMs, megabytes, find }: WatchedReport): void {
  const counts = `${accepted} accepted, ${refused} refused, slowest ${slowestMs.toFixed(0)} ms`;
  console.log(`${kind}: ${counts}, resident MB ${megabytes.join(" ")}`);
  if (!find) return;
  const kept = JSON.stringify({
    kind,
    files: find.files,
    refusal: "the sentence that it should get",
  });
  console.log(
    `FOUND: ${JSON.stringify(find.reason)}\nkeep as tests/golden/hostile/NAME.json:\n${kept}`,
  );
}

console.log(`${runs} inputs of each of ${names.length} kinds, --seed ${seed}`);
let finds = 0;
for await (const report of fuzzWatched(names, { runs, seed })) {
  print(report);
  if (leaks(report)) console.log(`FOUND: memory grew by more than ${mostGrowth} MB at the end`);
  if (report.find || leaks(report)) finds++;
}
console.log(finds === 0 ? "nothing found" : `found something in ${finds} kinds`);
Deno.exit(finds === 0 ? 0 : 1);
