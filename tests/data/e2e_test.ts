/** The E2E dataset, from an archive and from a folder. */

import { assertEquals, assertRejects } from "@std/assert";
import { e2eData } from "../../src/data/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { zipOf } from "../support/zip.ts";

const csv =
  'mr,ref\n"name[A], area[b]",One.\nname[C],Two.\n"name[A], area[b]","Three, no ""four""."\n';
const grouped = [
  { meaning: "name[A], area[b]", references: ["One.", 'Three, no "four".'] },
  { meaning: "name[C]", references: ["Two."] },
];

Deno.test("references are grouped by their meaning, out of a zip and out of a folder", () =>
  withFolder(async (folder) => {
    const zip = `${folder}/e2e-dataset.zip`;
    await Deno.writeFile(zip, await zipOf({ "e2e-dataset/devset.csv": csv }, { method: 8 }));
    assertEquals(await e2eData("validation", zip), grouped);
    await Deno.writeTextFile(`${folder}/testset_w_refs.csv`, csv);
    assertEquals(await e2eData("test", folder), grouped);
    const missing = 'e2e-dataset.zip: it has no file "e2e-dataset/trainset.csv"';
    await assertRejects(() => e2eData("train", zip), SyntaxError, missing);
  }));

Deno.test("a split that does not exist and a malformed row are refused", () =>
  withFolder(async (folder) => {
    const dev = "dev" as "test";
    await assertRejects(
      () => e2eData(dev, folder),
      RangeError,
      "train, validation, test, found dev",
    );
    await Deno.writeTextFile(`${folder}/devset.csv`, "mr,ref\nname[A],One.\nname[B]\n");
    await assertRejects(() => e2eData("validation", folder), SyntaxError, "line 3");
  }));
