/** A training that fails midway keeps what it has made. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { rescue } from "../../src/cli/rescue.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { trainArgs } from "./arguments.ts";
import { assertFailed, lowrank } from "./lowrank.ts";

const config = parseGpt2Config({ vocab_size: 7, n_positions: 4, n_embd: 4, n_layer: 1, n_head: 1 });
const log = { loss: [2, 1], gradientNorm: [1, 1], learningRate: [1, 1] };

/** The message of a failure after two steps, and whether the weights were written. */
async function rescued(change: { weight?: number; saveFails?: boolean }, steps = log) {
  using device = await openDevice({ kind: "cpu" });
  using model = initGpt2(device, config, { seed: 1 });
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
