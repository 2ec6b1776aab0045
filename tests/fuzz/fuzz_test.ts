/** Corrupted inputs of each kind that comes from outside; `fuzz_nightly_test.ts` tries thousands. */

import { assert, assertEquals } from "@std/assert";
import { lowrank, outcomeOf, spawnLowrank } from "../cli/lowrank.ts";
import { filesUnder, sourceText } from "../../scripts/support/source_files.ts";
import { fuzz } from "./campaign.ts";
import { judge } from "./judge.ts";
import { filesFromJson, filesToJson } from "./kind.ts";
import { kinds } from "./kinds.ts";
import { assertRefuses, commanded } from "./refused_commands.ts";

const runs = 50, seed = 20260101;

for (const kind of kinds) {
  Deno.test(`${kind.name}: ${runs} corrupted ones are read correctly or refused in one sentence`, async () => {
    const { accepted, refused, find } = await fuzz(kind, { runs, seed });
    assertEquals(find?.reason, undefined, JSON.stringify(find && filesToJson(find.files)));
    // Inputs that are all good, or all bad at the first byte, would test nothing.
    assert(accepted > 0 && refused > 0, `${accepted} accepted, ${refused} refused`);
  });
}

for (const kind of commanded) {
  Deno.test(`${kind.name}: the command line refuses two corrupted ones in one line`, () =>
    assertRefuses(kind, 2, seed, lowrank));
}

Deno.test("the command line as a process refuses a corrupted input in one line", () =>
  assertRefuses(commanded[0], 1, seed, (...args) => outcomeOf(spawnLowrank(...args))));

for (const path of filesUnder("tests/golden/hostile")) {
  const { kind: name, files, refusal } = JSON.parse(sourceText(path));
  const outcome = refusal === undefined ? "accepted" : "refused";
  Deno.test(`${path.split("/").at(-1)}, once dealt with badly, is ${outcome} as it should be`, async () => {
    const kind = kinds.find((kind) => kind.name === name);
    assertEquals(kind?.name, name);
    const verdict = await judge(kind!, filesFromJson(files));
    assertEquals(withoutChance(verdict.refusal), withoutChance(refusal));
  });
}

/** Folders have other names in every test, and engines other words for what is not JSON. */
const withoutChance = (sentence?: string) =>
  sentence?.replaceAll(/\S*lowrank_test_\w+/g, "FOLDER")
    .replace(/\(Unexpected token.*\)/, "(…)");
