/** Output that cannot be written, and trainings that fail midway: the old files stay, and what was made is kept. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { rescue } from "../../src/cli/commands/train/folder.ts";
import { replaceDisk } from "../../src/storage/disk.ts";
import { lazily } from "../../src/core/numbers.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { canLimitFiles, runWithFileLimit } from "../support/full_disk.ts";
import { golden } from "../support/golden.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import { afterCheckpoint, argsFor, contents, lora } from "./cut.ts";
import { assertFailed, assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_c_attn");

Deno.test("a folder that cannot be written is reported before training", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "old");
    const places = [`${folder}/file/out`];
    if (Deno.build.os === "linux") places.push("/proc/lowrank");
    for (const place of places) {
      const args = await trainArgs(folder, place, { steps: 1e9 });
      await assertFails(args, `cannot write to the folder ${place}: `);
      const merge = ["merge", "--model", model, "--adapter", adapter, "--output", place];
      await assertFails(merge, `cannot make the folder ${place}: `);
    }
    const file = `${folder}/file`, onto = await trainArgs(folder, file);
    await assertFails(onto, `cannot write to the folder ${file}: it is a file\n`);
    const inside = await trainArgs(folder, `${file}/out`);
    await assertFails(inside, "file/out: a part of its path is not a folder\n");
    const args = await logitsArgs(folder, [[1]]);
    await assertFails([...args.slice(0, -1), `${folder}/file/o`], "its folder is not a folder");
    assertEquals(await Deno.readTextFile(`${folder}/file`), "old");
  }));

/**
 * An output folder with a small adapter, and the arguments that would replace it by a larger one: to
 * them it is what they left when they were stopped.
 */
async function largerAdapter(folder: string): Promise<{ out: string; args: string[] }> {
  const out = `${folder}/out`, whole = `${folder}/whole`;
  await lowrankJson(...await trainArgs(folder, out, { method: { name: "lora", rank: 1 } }));
  const method = { name: "lora", rank: 32, sites: "all" };
  await lowrankJson(...await trainArgs(folder, whole, { method }));
  const recordIn = async (place: string) =>
    JSON.parse(await Deno.readTextFile(`${place}/run.json`));
  const run = `${out}/run/${(await recordIn(whole)).training}`;
  await Deno.mkdir(run, { recursive: true });
  await writeJson(`${run}/saved.json`, (await recordIn(out)).weights);
  return { out, args: [...await trainArgs(folder, out, { method }), "--device", "cpu", "--quiet"] };
}

/** Prints the error's line and the exit code of the command line. */
const program = (args: readonly string[]): string => `
  import { main } from "./src/cli/program.ts";
  console.error = console.log;
  console.log("exit code " + await main(${JSON.stringify(args)}));
`;

/** The message of a training of fewer than 100 steps that cannot save. */
const anew = "there is no checkpoint, so the same command begins anew";

Deno.test({
  name: "a file system that refuses a large file leaves the old adapter and no temporary file",
  ignore: !canLimitFiles,
  fn: () =>
    withFolder(async (folder) => {
      const { out, args } = await largerAdapter(folder);
      const weights = `${out}/adapter_model.safetensors`;
      const before = await Deno.readFile(weights), names = filesIn(out);
      const printed = await runWithFileLimit(128, program(args), ["--allow-all"]);
      assertStringIncludes(printed, `error: cannot write ${weights}: the file would be larger`);
      assertStringIncludes(printed, `an older file there is unchanged; ${anew}\nexit code 1\n`);
      assertEquals(await Deno.readFile(weights), before);
      assertEquals(filesIn(out), names);
    }),
});

/** True where a process may mount a file system that nobody else sees. */
function canMount(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const args = ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"];
    return new Deno.Command("unshare", { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** In place of the output folder, a file system of 128 kB that only this process sees. */
const onFullDisk = `out="$1" deno="$2"; shift 2
  cp -r "$out" "$out.copy" && mount -t tmpfs -o size=128k none "$out" && cp -r "$out.copy"/* "$out"
  "$deno" run -A --no-check cli.ts "$@" 2>&1; echo "exit code $?"
  diff -r -x run "$out.copy" "$out" && echo same files`;

Deno.test({
  name: "a full disk leaves the old adapter and no temporary file",
  ignore: !canMount(),
  fn: () =>
    withFolder(async (folder) => {
      const { out, args } = await largerAdapter(folder);
      const { stdout } = await new Deno.Command("unshare", {
        args: ["-rm", "sh", "-c", onFullDisk, "sh", out, Deno.execPath(), ...args],
        cwd: rootPath,
      }).output();
      const printed = new TextDecoder().decode(stdout);
      const failure = `error: cannot write ${out}/adapter_model.safetensors: the disk is full`;
      assertStringIncludes(printed, failure);
      const end = `an older file there is unchanged; ${anew}\nexit code 1\nsame files\n`;
      assertStringIncludes(printed, end);
    }),
});

/** Checkpoints are after 4 steps, and after 8. */
const config = { method: lora };

/** The bytes of a training that nothing disturbs. */
const undisturbed = lazily(async () => {
  let files: [string, Uint8Array][] = [];
  await withFolder(async (folder) => {
    await lowrankJson(...await argsFor(folder, config), `${folder}/out`);
    files = await contents(`${folder}/out`);
  });
  return files;
});

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
        "; the checkpoint after 8 steps is there, from which the same command resumes\n",
      );
    }
    assertEquals(checkpointsIn(output), ["checkpoint.safetensors"]);
    const { code, stderr } = await lowrank(...args, output);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step 8");
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
      "trained could be saved: cannot write .*: the disk is full .*; the checkpoint after 4 steps is there";
    const { stderr } = await lowrank(...args, output, "--quiet");
    assertMatch(stderr, new RegExp(whole));
  }));

const smallest = parseGpt2Config({
  vocab_size: 7,
  n_positions: 4,
  n_embd: 4,
  n_layer: 1,
  n_head: 1,
});
const log = { loss: [2, 1], gradientNorm: [1, 1], learningRate: [1, 1] };

/** The message of a failure after two steps, and whether the weights were written. */
async function rescued(change: { weight?: number; saveFails?: boolean }, steps = log) {
  using device = await openCpuDevice({ threads: 1 });
  using model = initGpt2(device, smallest, { seed: 1 });
  const [{ tensor, size }] = model.trainable();
  if (change.weight !== undefined) device.write(tensor, new Float32Array(size).fill(change.weight));
  let saved = false, message = "", files: string[] = [];
  await withFolder(async (output) => {
    const save = () => {
      saved = true;
      return change.saveFails ? Promise.reject(new Error("the disk is full")) : Promise.resolve();
    };
    const failure = await rescue(new Error("the device is lost"), {
      output,
      trained: { model, log: steps, times: { seconds: 1, ms: [] } },
      save,
    });
    message = (failure as Error).message.replace(output, "OUT");
    files = filesIn(output);
  });
  return { saved, message, files };
}

Deno.test("a failure after some steps writes what they have trained", async () => {
  const { saved, message } = await rescued({});
  assert(saved);
  assertEquals(
    message,
    "the device is lost; wrote the weights after 2 steps, and the log, to OUT",
  );
});

Deno.test("a failure before any step, or after which nothing can be written, stays the error", async () => {
  const none = await rescued({}, { loss: [], gradientNorm: [], learningRate: [] });
  assertEquals([none.saved, none.message, none.files], [false, "the device is lost", []]);
  const { message } = await rescued({ saveFails: true });
  assertEquals(
    message,
    "the device is lost; not all that was trained could be saved: the disk is full",
  );
});

Deno.test("weights that are not finite are not written, but the log is", async () => {
  const { saved, message, files } = await rescued({ weight: NaN });
  assertEquals([saved, files], [false, ["log.json"]]);
  assertStringIncludes(message, "wrote the log of 2 steps to OUT, without the weights");
});

Deno.test("training that diverges leaves its log and exits 1 with one line", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`;
    const args = await trainArgs(folder, output, { steps: 9, learningRate: 1e30 });
    assertFailed(
      await lowrank(...args, "--quiet"),
      "training needs a finite",
      `to ${output}, without the weights: they are not finite`,
    );
    const { loss } = JSON.parse(await Deno.readTextFile(`${output}/log.json`));
    assert(loss.length > 0 && loss.length < 9 && loss.every(Number.isFinite));
    assertEquals(filesIn(output), ["log.json"]);
  }));

Deno.test("training whose last update leaves nothing finite is no success", () =>
  withFolder(async (folder) => {
    for (const method of ["full", { name: "lora", sites: "all" }]) {
      const output = `${folder}/${typeof method}`;
      const args = await trainArgs(folder, output, { learningRate: 1e30, method });
      assertFailed(await lowrank(...args, "--quiet"), "training needs a finite loss, found NaN");
      assertEquals(filesIn(output).includes("run.json"), false);
    }
  }));
