/** Faults of the disk, a sample of them; `faults_nightly_test.ts` tries all at every operation. */

import { assert, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { saveModel } from "../../src/models/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { narrowAdapters, ofRank, writeByCommand } from "./adapter_savers.ts";
import { moveFile, writeFileAtomic } from "../../src/storage/files.ts";
import { checkRun } from "./check_run.ts";
import { checkPowerCuts, checkTested, checkTwoFaults, operationsOf } from "./check_saver.ts";
import { narrowModel } from "./narrow_model.ts";
import { fewFiles, oneFile, plainSavers, savers } from "./savers.ts";

for (const saver of plainSavers) Deno.test(saver.name, () => checkTested(saver, "all"));

for (const saver of savers) {
  Deno.test(`${saver.name}, as far as is tried`, () => checkTested(saver, "sample"));
}

Deno.test("extract saves as combine does", () =>
  withFolder(async (root) => {
    using device = await openCpuDevice({ threads: 1 });
    const models = [`${root}/base`, `${root}/tuned`];
    for (const [i, folder] of models.entries()) {
      using model = narrowModel(device, 3 + i);
      await saveModel(model, folder, "F32");
    }
    const save = async ([words]: readonly string[][], folder: string) => {
      const names = await operationsOf(() => writeByCommand(words, `${root}/${folder}`));
      return names.filter((name, i) => name !== names[i - 1]); // Each has tensors of its own.
    };
    const combine = ofRank("combine", ...await narrowAdapters(root));
    assertEquals(await save(ofRank("extract", ...models), "a"), await save(combine, "b"));
  }));

Deno.test("a run that a fault cuts off resumes to the same bits, as far as is tried", () =>
  checkRun("sample"));

/** The last file of a save is about to be placed: nothing is read until it is there. */
async function lastRename(): Promise<number> {
  let last = -1;
  await withFolder(async (folder) => {
    await fewFiles.prepare(folder);
    last = (await operationsOf(() => fewFiles.save(folder))).lastIndexOf("rename");
  });
  return last;
}

Deno.test("a fault after a kill before the last file loses neither the old files nor the new ones", async () => {
  // Three files, each made, written, flushed, set aside and replaced.
  assert(await checkTwoFaults(fewFiles, await lastRename()) > 15 * 2);
});

Deno.test("a cut of the power leaves old files, new ones, or none that are read", async () => {
  // More than one state for each operation: three files, each made, written, flushed and placed.
  assert(await checkPowerCuts(fewFiles) > 3 * 4);
  assert(await checkPowerCuts({ ...fewFiles, prepare: undefined }) > 3 * 4);
});

Deno.test("a cut of the power while a killed save is taken back loses nothing", async () => {
  assert(await checkPowerCuts(fewFiles, await lastRename()) > await checkPowerCuts(fewFiles));
});

Deno.test("a cut of the power leaves the old file or the new one", async () => {
  const move = async (folder: string) => {
    await writeFileAtomic(`${folder}/file.new`, "the new content");
    await moveFile(`${folder}/file.new`, `${folder}/file`);
  };
  await checkPowerCuts(oneFile);
  await checkPowerCuts({ ...oneFile, save: move });
});
