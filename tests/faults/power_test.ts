/** Saving when more goes wrong than one fault: a second one in the next save, and cuts of the power. */

import { assert } from "@std/assert";
import { moveFile, readText, writeFileAtomic } from "../../src/core/files.ts";
import { saveFolder } from "../../src/core/save_folder.ts";
import { withFolder } from "../support/folders.ts";
import { checkPowerCuts, checkTwoFaults, operationsOf } from "./check_saver.ts";

/** Files of which one is new, one is replaced, and one is gone; two of them a reader needs. */
const fewFiles = {
  groups: [{ key: "config", names: ["config", "fresh", "weights", "obsolete"] }],
  prepare: (folder: string) => saveFew(folder, ["weights", "obsolete", "config"], "old"),
  save: (folder: string) => saveFew(folder, ["weights", "fresh", "config"], "new"),
  read: (folder: string) => readText(`${folder}/config`),
};

async function saveFew(folder: string, names: string[], text: string): Promise<void> {
  const files = names.map((name) => ({ name, content: `${text} ${name}` }));
  await saveFolder(folder, files, () => text === "new" ? ["obsolete"] : []);
}

Deno.test("a fault after a kill loses neither the old files nor the new ones", async () => {
  const pairs = await checkTwoFaults(fewFiles);
  // Three files, each made, written, flushed, set aside and replaced, in both saves.
  assert(pairs > 15 ** 2, `found ${pairs} pairs`);
});

Deno.test("a cut of the power leaves old files, new ones, or none that are read", async () => {
  // More than one state for each operation: three files, each made, written, flushed and placed.
  assert(await checkPowerCuts(fewFiles) > 3 * 4);
  assert(await checkPowerCuts({ ...fewFiles, prepare: undefined }) > 3 * 4);
});

Deno.test("a cut of the power while a killed save is taken back loses nothing", async () => {
  await withFolder(async (folder) => {
    await fewFiles.prepare(folder);
    const operations = await operationsOf(() => fewFiles.save(folder));
    const last = operations.lastIndexOf("rename");
    assert(await checkPowerCuts(fewFiles, last) > await checkPowerCuts(fewFiles));
  });
});

Deno.test("a cut of the power leaves the old file or the new one", async () => {
  const prepare = (folder: string) => writeFileAtomic(`${folder}/file`, "the old one");
  const write = (folder: string) => writeFileAtomic(`${folder}/file`, "the new content");
  const move = async (folder: string) => {
    await writeFileAtomic(`${folder}/file.new`, "the new content");
    await moveFile(`${folder}/file.new`, `${folder}/file`);
  };
  for (const save of [write, move]) {
    const read = (folder: string) => readText(`${folder}/file`);
    await checkPowerCuts({ groups: [{ key: "file", names: ["file"] }], prepare, save, read });
  }
});
