/** Every input that was once dealt with badly gets the answer that is kept beside it. */

import { assertEquals } from "@std/assert";
import { filesUnder, sourceText } from "../support/source_files.ts";
import { judge } from "./judge.ts";
import { filesFromJson } from "./kind.ts";
import { kinds } from "./kinds.ts";

for (const path of filesUnder("tests/golden/hostile")) {
  const { kind: name, files, refusal } = JSON.parse(sourceText(path));
  const outcome = refusal === undefined ? "accepted" : "refused";
  Deno.test(`${path.split("/").at(-1)} is ${outcome} as it should be`, async () => {
    const kind = kinds.find((kind) => kind.name === name);
    assertEquals(kind?.name, name);
    const verdict = await judge(kind!, filesFromJson(files));
    assertEquals(withoutChance(verdict.refusal), withoutChance(refusal));
  });
}

/** Folders have other names in every test, and engines other words for what is not JSON. */
const withoutChance = (sentence?: string) =>
  sentence?.replaceAll(/\S*lowrank_fuzz_\w+/g, "FOLDER").replace(/\(Unexpected token.*\)/, "(…)");
