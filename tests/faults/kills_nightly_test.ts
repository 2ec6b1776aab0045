/**
 * Kills of processes that write, without a chance to say goodbye, at random moments of a seed, which is another one
 * each time: `deno task test:kills --count 200 --seed 1`.
 *
 * What is found must be what was there before, what was being written, or refused; and the same command,
 * called again, must end with the bytes of one that was never killed.
 */

import { assert } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { seedOf, wordOf } from "../support/words.ts";
import { commands, killCommands } from "./kills/commands.ts";
import { killSavers, savers } from "./kills/savers.ts";

const count = wordOf("count", 50), seed = seedOf();

const killed = [
  ...Object.keys(savers).map((name) => [name, killSavers] as const),
  ...Object.keys(commands).map((name) => [name, killCommands] as const),
];

for (const [name, kill] of killed) {
  Deno.test(`${count} kills of ${name} tear nothing, and it ends with the same bytes`, async () => {
    const counts = await kill(name, count, new Random(seed));
    console.log(`${counts}`);
    assert(counts.isGood, `${counts}`);
  });
}
