/**
 * Thousands of corrupted inputs of each kind that comes from outside, each time from another seed:
 * `deno task test:fuzz --runs 20000 --seed 1 --kind hub` tries those of some kinds.
 *
 * A find is printed as JSON for a file in `tests/golden/hostile/`, where a core test replays it.
 */

import { assert, assertEquals } from "@std/assert";
import { lowrank, outcomeOf, spawnLowrank } from "../cli/lowrank.ts";
import { seedOf, wordOf } from "../support/words.ts";
import type { Kind } from "./kind.ts";
import { kinds } from "./kinds.ts";
import { assertRefuses, commanded } from "./refused_commands.ts";
import { fuzzWatched, type WatchedReport } from "./watched.ts";

const runs = wordOf("runs", 4000), seed = seedOf();

/** Megabytes by which memory may grow during the second half of the inputs; level memory moves by 10. */
const mostGrowth = 64;

const place = Deno.args.indexOf("--kind"), part = place < 0 ? "" : Deno.args[place + 1];
const isChosen = ({ name }: Kind) => name.includes(part);
if (!kinds.some(isChosen)) throw new RangeError(`no kind has ${part} in its name`);

for (const { name } of kinds.filter(isChosen)) {
  Deno.test(`${name}: ${runs} corrupted ones are read correctly or refused, and leave nothing`, async () => {
    const report = await fuzzWatched(name, { runs, seed });
    console.log(inLine(report));
    const { find, accepted, refused, megabytes } = report, files = find?.files;
    const kept = JSON.stringify({ kind: name, files, refusal: "the sentence that it should get" });
    assertEquals(find?.reason, undefined, `keep as tests/golden/hostile/NAME.json:\n${kept}`);
    assertEquals(accepted + refused, runs);
    // Inputs that are all good, or all bad at the first byte, would test nothing.
    assert(Math.min(accepted, refused) >= runs / 20, `${accepted} accepted, ${refused} refused`);
    const grown = megabytes.at(-1)! - megabytes[megabytes.length >> 1];
    assert(grown <= mostGrowth, `memory grew by ${grown} MB at the end`);
  });
}

const inLine = ({ accepted, refused, slowestMs, megabytes }: WatchedReport): string =>
  `${accepted} accepted, ${refused} refused, slowest ${slowestMs.toFixed(0)} ms, ` +
  `resident MB ${megabytes.join(" ")}`;

for (const kind of commanded.filter(isChosen)) {
  Deno.test(`${kind.name}: the command line refuses 20 corrupted ones in one line each, and as a process`, async () => {
    await assertRefuses(kind, 20, seed, lowrank);
    await assertRefuses(kind, 1, seed, (...args) => outcomeOf(spawnLowrank(...args)));
  });
}
