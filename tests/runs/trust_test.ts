/** Runs do not believe what was changed, do not share a folder, and do not end with numbers that are none. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { claimFolder } from "../../src/storage/folder.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { run, runFiles, type RunOptions } from "../../src/runs/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { tinyModel } from "../train/fixtures.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

/** Options that stop a run after its third step or so. */
function stopping(options: RunOptions): RunOptions {
  const controller = new AbortController();
  const onProgress = ({ step }: { step: number }) => step === 2 && controller.abort("enough");
  return { ...options, signal: controller.signal, onProgress };
}

Deno.test("run: a file of a finished run that was torn or edited is refused by its name", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(3), options = tinyOptions(folder, device);
    const { folder: own, log } = await run(spec, options);
    const refused = async (name: string, text: string) => {
      const path = `${own}/${name}`, before = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text);
      await assertRejects(() => run(spec, options), Error, `cannot read ${path}: it is not`);
      await Deno.writeTextFile(path, before);
    };
    for (const name of ["done.json", "log.json", "ledger.json", "metrics.json", "spec.json"]) {
      const text = await Deno.readTextFile(`${own}/${name}`);
      for (const wrong of ["", "null", "[]", "{}", text.slice(0, -9)]) await refused(name, wrong);
    }
    const edited = { ...log, loss: log.loss.with(1, log.loss[1] + 1) };
    await refused("log.json", JSON.stringify(edited) + "\n");
    assertEquals((await run(spec, options)).log, log);
  }));

Deno.test("run: the weights of a finished run that were changed, added to or removed are refused", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    for (const kind of ["lora", "full"] as const) {
      const spec = tinySpec(2, kind === "full" ? { kind } : undefined);
      const options = tinyOptions(folder, device), { folder: own } = await run(spec, options);
      const { adapter, model } = await runFiles(folder, spec);
      const place = kind === "full" ? model : adapter, [name] = filesIn(place).slice(-1);
      const path = `${place}/${name}`, bytes = await Deno.readFile(path);
      const refused = () =>
        assertRejects(
          () => run(spec, options),
          RangeError,
          `cannot read ${own}: its weights are not what the run wrote; remove ${own} to make`,
        );
      await Deno.writeFile(path, bytes.with(-1, bytes.at(-1)! ^ 1));
      await refused();
      await Deno.remove(path);
      await refused();
      await Deno.writeFile(path, bytes);
      await run(spec, options);
      await Deno.writeTextFile(`${place}/model-2.safetensors`, "");
      await refused();
      await Deno.remove(place, { recursive: true });
      await refused();
    }
  }));

Deno.test("run: a finished run without all digests is made again", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(3),
      options = tinyOptions(folder, device),
      { log } = await run(spec, options);
    const files = await runFiles(folder, spec),
      done = JSON.parse(await Deno.readTextFile(files.done));
    const losses = { ...log, loss: log.loss.map(() => 0) };
    for (const sha256 of [{}, { ...done.sha256, weights: undefined }, undefined]) {
      await Deno.writeTextFile(files.done, JSON.stringify({ ...done, sha256 }));
      await Deno.writeTextFile(files.log, JSON.stringify(losses));
      assertEquals((await run(spec, options)).log, log);
      assertEquals(JSON.parse(await Deno.readTextFile(files.done)), done);
    }
  }));

Deno.test("run: done.json of 40 MB of brackets, or with an escape, ends soon and on one line", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(2), options = tinyOptions(folder, device), started = performance.now();
    await run(spec, options);
    const { done } = await runFiles(folder, spec);
    const refused = async (text: string, reason: string) => {
      await Deno.writeTextFile(done, text);
      const { message } = await assertRejects(() => run(spec, options), SyntaxError, reason);
      assert(!message.includes("\u001b"), message);
    };
    await refused("[".repeat(4e7), "is nested more than 512 deep");
    await refused('{"\u001b[2J', "is not JSON");
    assert(performance.now() - started < 5_000, "measured 0.1 s");
  }));

Deno.test("run: a folder in which another run works is refused, and that one is unharmed", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(4), options = tinyOptions(folder, device), others: unknown[] = [];
    const save = async () => {
      const temporary = `${
        (await runFiles(folder, spec)).folder
      }/log.json.${crypto.randomUUID()}.tmp`;
      await Deno.writeTextFile(temporary, "half");
      others.push(await run(spec, options).catch(({ message }) => message));
      assertEquals(await Deno.readTextFile(temporary), "half");
    };
    const { log, folder: own } = await run(spec, { ...options, save });
    assertEquals(others, [
      `cannot use the folder ${own}: it is in use by another save or training`,
    ]);
    assertEquals([log.loss.length, filesIn(own).some((name) => name.endsWith(".tmp"))], [4, false]);
    (await claimFolder(own))[Symbol.dispose](); // Given back at the end.
  }));

Deno.test("run: a base that changed between a stop and the next call is noticed", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(6), options = tinyOptions(folder, device);
    assertEquals(await run(spec, stopping(options)).catch((reason) => reason), "enough");
    const openModel: RunOptions["openModel"] = (_, device) => {
      const model = tinyModel(device), { tensor, size } = [...model.parameters.values()][0];
      device.write(tensor, new Float32Array(size));
      return model;
    };
    await assertRejects(
      () => run(spec, { ...options, openModel }),
      RangeError,
      "needs the base model that it was trained on, found another transformer.wte.weight",
    );
    assertEquals((await run(spec, options)).log.loss.length, 6);
  }));

Deno.test("run: an update after which nothing is finite is no result, even if it is the last", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(1), options = tinyOptions(folder, device);
    for (
      const [training, message] of [
        [
          { learningRate: 1e38, weightDecay: 1e38 },
          "a finite base_model[^ ]* found (NaN|-?Infinity) after step 1$",
        ],
        [{ learningRate: 1e30, weightDecay: 0 }, "a finite loss, found NaN after step 1$"],
      ] as const
    ) {
      const wild = { ...spec, training: { ...training, steps: 1 } }, cut: unknown[] = [];
      const onCut = () => Promise.resolve(void cut.push("cut"));
      const failure = await assertRejects(() => run(wild, { ...options, onCut }), RangeError);
      assert(
        new RegExp(`^training needs ${message}`).test(failure.message),
        failure.message,
      );
      const files = await runFiles(folder, wild);
      assertEquals([filesIn(files.folder), cut], [["spec.json"], ["cut"]]);
    }
  }));

Deno.test("run: what a process that was killed at its very end has left is removed by the next call", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(3), options = tinyOptions(folder, device);
    const { folder: own } = await run(spec, options), files = filesIn(own);
    const { checkpoint, adapter } = await runFiles(folder, spec);
    const partial = `${adapter}/adapter_config.json.${crypto.randomUUID()}.tmp`;
    for (const path of [checkpoint, `${checkpoint}.old`, `${checkpoint}.new`, partial]) {
      await Deno.writeTextFile(path, "left");
    }
    {
      using _ = await claimFolder(own);
      await run(spec, options);
      assert(filesIn(own).includes("checkpoint.safetensors"), "removed without the claim");
    }
    await run(spec, options);
    assertEquals([filesIn(own), filesIn(adapter).some((name) => name.endsWith(".tmp"))], [
      files,
      false,
    ]);
  }));
