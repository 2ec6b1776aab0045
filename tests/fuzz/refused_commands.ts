/** The command line refuses what is refused in process: one line, exit code 1, no output. @module */

import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { assertFailed, type Outcome } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { wrongWithSentence } from "./judge.ts";
import { type Files, type Kind, writeFiles } from "./kind.ts";
import { kinds } from "./kinds.ts";

/** The kinds that a command reads. */
export const commanded: readonly Kind[] = kinds.filter(({ command }) => command !== undefined);

/** Runs a kind's command on the first inputs from a seed that the package refuses, and checks how it ends. */
export async function assertRefuses(
  kind: Kind,
  count: number,
  seed: number,
  run: (...args: string[]) => Promise<Outcome>,
): Promise<void> {
  const inputs = await refused(kind, count, seed);
  assertEquals(inputs.length, count, `inputs of ${kind.name} are refused`);
  for (const files of inputs) {
    await withFolder(async (folder) => {
      writeFiles(folder, kind.folder?.(files) ?? files);
      const outcome = await run(...kind.command!(folder), "--quiet");
      assertFailed(outcome);
      const sentence = outcome.stderr.replace(/^error: /, "").trimEnd();
      assertEquals(wrongWithSentence(sentence), undefined, sentence);
    });
  }
}

/** The first inputs of a kind that the package refuses. */
async function refused(kind: Kind, count: number, seed: number): Promise<Files[]> {
  const found: Files[] = [];
  for (const files of fc.sample(kind.inputs, { seed, numRuns: 20 * count })) {
    const isRefused = await Promise.try(kind.readByCommand ?? kind.read, files).then(
      () => false,
      () => true,
    );
    if (isRefused && found.push(files) === count) break;
  }
  return found;
}
