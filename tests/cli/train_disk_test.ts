/** Trainings whose folder is removed, or whose disk fills up, while they run. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Disk, replaceDisk } from "../../src/core/disk.ts";
import { lazily } from "../../src/core/lazily.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { argsFor, contents, lora } from "./cut.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

/** Checkpoints are after 10 steps, and after 20. */
const config = { steps: 22, method: lora, checkpointEvery: 10 };

/** The bytes of a training that nothing disturbs. */
const undisturbed = lazily(async () => {
  let files: [string, Uint8Array][] = [];
  await withFolder(async (folder) => {
    await lowrankJson(...await argsFor(folder, config), `${folder}/out`);
    files = await contents(`${folder}/out`);
  });
  return files;
});

/** The disk, on which something happens right after each checkpoint that gets its name. */
function afterCheckpoint(act: () => Promise<void>): Disposable {
  const rename = (system: Disk) => async (from: string, to: string) => {
    await system.rename(from, to);
    if (to.endsWith("/checkpoint.safetensors")) await act();
  };
  return replaceDisk((system) => ({ ...system, rename: rename(system) }));
}

Deno.test("a training whose folder is removed makes it again, each time, and loses nothing", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, config), output = `${folder}/out`;
    const whole = await undisturbed();
    using _ = afterCheckpoint(() => Deno.remove(output, { recursive: true }));
    const { code, stderr } = await lowrank(...args, output);
    assertEquals(code, 0, stderr);
    assertEquals(stderr.split(`${output} was removed: it is made again\n`).length, 3, stderr);
    assertEquals(await contents(output), whole);
  }));

Deno.test("a training whose folder another one has taken leaves it alone", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, config), output = `${folder}/out`;
    let other: [string, Uint8Array][] | undefined;
    using _ = afterCheckpoint(async () => {
      await Deno.remove(output, { recursive: true });
      await lowrankJson(...await argsFor(folder, { steps: 2, method: lora }), output);
      other = await contents(output);
    });
    await assertFails([...args, output], "an adapter that this training has not made");
    assertEquals(await contents(output), other);
  }));

/** The system's words for a full disk. */
const full = () =>
  Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });

/** A disk without room for an adapter's weights, as long as a condition holds. */
const noRoom = (isFull: () => boolean): Disposable =>
  replaceDisk((system) => ({
    ...system,
    create: (path, mode) =>
      path.includes("/adapter_model.safetensors.") && isFull()
        ? Promise.reject(full())
        : system.create(path, mode),
  }));

/** The checkpoints of a training in progress. */
const checkpointsIn = (output: string): string[] =>
  filesIn(`${output}/run/${filesIn(`${output}/run`)[0]}`).filter((name) =>
    /^checkpoint/.test(name)
  );

Deno.test("the older checkpoint makes room for the adapter", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, config), output = `${folder}/out`;
    using _ = noRoom(() => checkpointsIn(output).length > 1);
    await lowrankJson(...args, output);
  }));

Deno.test("on a full disk the newest checkpoint stays, and the same command resumes there", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, config), output = `${folder}/out`;
    {
      using _ = noRoom(() => true);
      await assertFails(
        [...args, output],
        "adapter_model.safetensors: the disk is full (wrote 0 of ",
        "; the checkpoint after 20 steps is there, from which the same command resumes\n",
      );
    }
    assertEquals(checkpointsIn(output), ["checkpoint.safetensors"]);
    const { code, stderr } = await lowrank(...args, output);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step 20");
    assertEquals(await contents(output), await undisturbed());
  }));

Deno.test("without a checkpoint, a full disk means that the same command begins anew", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, { steps: 2, method: lora });
    using _ = noRoom(() => true);
    await assertFails(
      [...args, `${folder}/out`],
      "; there is no checkpoint, so the same command begins anew\n",
    );
  }));

Deno.test("a disk that is full before the end says what is left of the steps so far", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, config), output = `${folder}/out`;
    let isFull = false;
    using _ = replaceDisk((system) => ({
      ...system,
      create: (path, mode) => isFull ? Promise.reject(full()) : system.create(path, mode),
      rename: async (from, to) => {
        await system.rename(from, to);
        isFull ||= to.endsWith("/checkpoint.safetensors");
      },
    }));
    const whole =
      "cannot write .*checkpoint.safetensors.new: the disk is full .*; not all that was " +
      "trained could be saved: cannot write .*: the disk is full .*; the checkpoint after 10 steps is there";
    const { stderr } = await lowrank(...args, output, "--quiet");
    assertMatch(stderr, new RegExp(whole));
  }));
