/** What is refused in process is refused by the command line: one line, exit code 1, no output. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { assertFailed, lowrank, type Outcome, outcomeOf, spawnLowrank } from "../cli/lowrank.ts";
import { withFolder } from "../support/folders.ts";
import { wrongWithSentence } from "./judge.ts";
import { type Files, type Kind, writeFiles } from "./kind.ts";
import { kinds } from "./kinds.ts";

const seed = 20260102, most = 200;
const commanded = kinds.filter(({ command }) => command !== undefined);

/** The first inputs of a kind that the package refuses. */
async function refused(kind: Kind, count: number): Promise<Files[]> {
  const found: Files[] = [];
  for (const files of fc.sample(kind.inputs, { seed, numRuns: 20 * count })) {
    const isRefused = await Promise.try(kind.read, files).then(() => false, () => true);
    if (isRefused && found.push(files) === count) break;
  }
  return found;
}

/** Runs the command on the files and checks how it ended. */
async function assertRefused(
  kind: Kind,
  files: Files,
  run: (args: readonly string[]) => Promise<Outcome>,
): Promise<void> {
  await withFolder(async (folder) => {
    writeFiles(folder, kind.folder?.(files) ?? files);
    const outcome = await run([...kind.command!(folder), "--quiet"]);
    assertFailed(outcome);
    const sentence = outcome.stderr.replace(/^error: /, "").trimEnd();
    assertEquals(wrongWithSentence(sentence), undefined, sentence);
  });
}

Deno.test(`the command line refuses ${most} corrupted inputs in one line each`, async (t) => {
  let count = 0;
  for (const kind of commanded) {
    await t.step(kind.name, async () => {
      for (const files of await refused(kind, Math.ceil(most / commanded.length))) {
        await assertRefused(kind, files, (args) => lowrank(...args));
        count++;
      }
    });
  }
  assert(count >= most, `${count} inputs were refused`);
});

Deno.test("the command line as a process refuses a corrupted input of each kind in one line", async (t) => {
  for (const kind of commanded) {
    await t.step(kind.name, async () => {
      for (const files of await refused(kind, 1)) {
        await assertRefused(kind, files, (args) => outcomeOf(spawnLowrank(...args)));
      }
    });
  }
});
