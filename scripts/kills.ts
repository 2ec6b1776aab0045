/**
 * Kills processes that write, without a chance to say goodbye, at random moments of a seed:
 * `deno task test:kills [COUNT] [SEED] [NAME…]`, the names being adapter.save, merge, train and reproduce.
 * What is found must be what was there before, what was being written, or refused; and the same command,
 * called again, must end with the bytes of one that was never killed. Exits with 1 where it does not.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { Random } from "../src/core/random.ts";
import { commands, killCommands } from "./kills/commands.ts";
import type { Counts } from "./kills/counts.ts";
import { killSavers, saveForever, savers } from "./kills/savers.ts";

/** Starts this program as the process that saves. */
const startSaver = (name: string) => (scratch: string): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fileURLToPath(import.meta.url), "saver", name, scratch],
    stdout: "piped",
  }).spawn();

function kill(name: string, count: number, random: Random): Promise<Counts> {
  if (name in savers) return killSavers(name, count, random, startSaver(name));
  if (name in commands) return killCommands(name, count, random);
  const known = [...Object.keys(savers), ...Object.keys(commands)].join(", ");
  throw new RangeError(`a name must be one of ${known}, found ${name}`);
}

async function main(count: number, seed: number, names: readonly string[]): Promise<number> {
  let isGood = true;
  for (const name of names) {
    const counts = await kill(name, count, new Random(seed));
    console.log(`${name}, seed ${seed}, ${counts}`);
    isGood &&= counts.isGood;
  }
  return isGood ? 0 : 1;
}

const [first = "200", second = "1", ...rest] = Deno.args;
if (first === "saver") await saveForever(second, rest[0]);
const all = [...Object.keys(savers), ...Object.keys(commands)];
Deno.exit(await main(Number(first), Number(second), rest.length > 0 ? rest : all));
