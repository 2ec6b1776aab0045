/** Checkpoints that were damaged, edited, cut off by a crash, or made with another base. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { disk } from "../../src/storage/disk.ts";
import { Random } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { headerBytes, readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { checkpointDigest } from "../../src/train/checkpoint.ts";
import {
  emptyLog,
  hasCheckpoint,
  logStep,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  Trainer,
} from "../../src/train/mod.ts";
import { Scope } from "../../src/device/arena.ts";
import { halfWeight } from "../nn/fixtures.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { randomBatches, tinyModel, trainedValues } from "./fixtures.ts";

const batches = randomBatches(5);

/** A model with LoRA and a trainer, and a way to step and save. */
function scene(device: Device, steps = 6) {
  const model = tinyModel(device);
  injectLora(model, { rank: 1, sites: ["q"], seed: 1 });
  const trainer = new Trainer(model, { learningRate: 1e-2, steps, seed: 7 }), log = emptyLog();
  const stepsTo = async (until: number, path: string) => {
    for await (const event of runTrainer(trainer, batches)) {
      logStep(log, event);
      if (trainer.steps === until) break;
    }
    await saveCheckpoint(path, trainer, log);
  };
  const resume = async (path: string) => {
    const resumed = await resumeCheckpoint(path, trainer);
    Object.assign(log, resumed.log);
    return resumed;
  };
  return { model, trainer, stepsTo, resume };
}

/** Runs a test with a scene whose checkpoint after two steps is at `path`. */
const withCheckpoint = (
  use: (made: ReturnType<typeof scene> & { path: string; device: Device }) => Promise<void>,
) =>
  withFolder(async (folder) => {
    const path = `${folder}/checkpoint.safetensors`;
    using device = await openCpuDevice({ threads: 1 });
    const made = scene(device);
    await made.stepsTo(2, path);
    await use({ ...made, path, device });
  });

Deno.test("checkpoint: any flipped bit is refused, and the trainer is as before", () =>
  withCheckpoint(async ({ path, device }) => {
    const bytes = await Deno.readFile(path), header = headerBytes(bytes, bytes.length);
    const { model, trainer } = scene(device), before = await trainedValues(model);
    const random = new Random(1), accepted: string[] = [];
    for (let i = 0; i < 400; i++) {
      const bit = random.integer(8 * (i % 2 === 0 ? bytes.length : header));
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      await Deno.writeFile(path, damaged);
      await resumeCheckpoint(path, trainer).then(() => accepted.push(`bit ${bit}`), () => {});
    }
    assertEquals(accepted, []);
    assertEquals([await trainedValues(model), trainer.steps], [before, 0]);
    await Deno.writeFile(path, bytes);
    assertEquals((await resumeCheckpoint(path, trainer)).step, 2);
  }));

Deno.test("checkpoint: a base that has changed is refused by the name of its tensor", () =>
  withCheckpoint(async ({ path, device }) => {
    const { model, trainer } = scene(device), before = await trainedValues(model);
    const { tensor, size } = model.parameters.get("transformer.h.1.ln_1.bias")!;
    device.write(tensor, new Float32Array(size).fill(1e-7, size - 1));
    await assertRejects(
      () => resumeCheckpoint(path, trainer),
      RangeError,
      "needs the base model that it was trained on, found another transformer.h.1.ln_1.bias",
    );
    assertEquals([await trainedValues(model), trainer.steps], [before, 0]);
  }));

Deno.test("checkpoint: frozen weights in another format than F32 are part of the base", () =>
  withFolder(async (folder) => {
    const path = `${folder}/checkpoint.safetensors`, name = "transformer.h.0.attn.c_attn.weight";
    using device = await openCpuDevice({ threads: 1 });
    const trainerWith = (value: number) => {
      const base = tinyModel(device), shape = base.parameters.get(name)!.shape;
      const values = { shape, data: new Float32Array(sizeOf(shape)).fill(value) };
      const owner = new Scope(device), weight = halfWeight(owner, name, values);
      const model = base.withTensors(new Map([[name, weight]]), owner);
      injectLora(model, { rank: 1, sites: ["q"], seed: 1 });
      return new Trainer(model, { learningRate: 1e-2, steps: 6 });
    };
    await saveCheckpoint(path, trainerWith(0.5));
    assertEquals((await resumeCheckpoint(path, trainerWith(0.5))).exact, true);
    const message = `found another ${name}`;
    await assertRejects(() => resumeCheckpoint(path, trainerWith(0.25)), RangeError, message);
  }));

Deno.test("checkpoint: another device has the same base", () =>
  withCheckpoint(async ({ path }) => {
    using device = new ReferenceDevice();
    const { trainer } = scene(device);
    assertEquals((await resumeCheckpoint(path, trainer)).exact, false);
    assertEquals(trainer.steps, 2);
  }));

Deno.test("checkpoint: a state that cannot be true is named, however well it is sealed", () =>
  withCheckpoint(async ({ path, device }) => {
    const { tensors, metadata } = await readSafetensors(path), { trainer } = scene(device);
    const refused = async (changes: object, message: string) => {
      const state = JSON.stringify({ ...JSON.parse(metadata.state), ...changes });
      const digest = await checkpointDigest(state, tensors);
      await writeSafetensors(path, tensors, { metadata: { state, digest } });
      await assertRejects(() => resumeCheckpoint(path, trainer), RangeError, message);
      assertEquals(trainer.steps, 0);
    };
    await refused({ step: 1e300 }, "needs a whole number as its step, found 1e+300");
    for (const step of ["x", -5, 1.5, null]) {
      await refused({ step }, `needs a whole number as its step, found ${JSON.stringify(step)}`);
    }
    const numbers = "needs a number for every step in each of its lists as its log";
    const { log } = JSON.parse(metadata.state);
    for (const loss of [null, [1], [1, 2, 3], [1, "2"], [1, null]]) {
      await refused({ log: { ...log, loss } }, numbers);
    }
    await refused({ log: null }, `${numbers}, found null`);
    await refused({ seed: "7" }, 'needs a number as its seed, found "7"');
    await refused({ device: 3 }, "needs a text as its device, found 3");
    await refused({ base: { a: 1 } }, "needs a record of digests as its base");
    await refused({ step: 7, log: emptyLog() }, "needs at least 7 steps, found 6");
    const narrow = 'needs adamw as its optimizer, found "adamw8bit"';
    await refused({ optimizer: "adamw8bit" }, narrow);
    const old = 'found "lowrank checkpoint 1": it is from another version';
    await refused({ format: "lowrank checkpoint 1" }, old);
  }));

Deno.test("checkpoint: a trainer of more steps trains further", () =>
  withCheckpoint(async ({ path, device }) => {
    const { trainer, stepsTo, resume } = scene(device, 9);
    assertEquals((await resume(path)).step, 2);
    await stepsTo(9, path);
    assertEquals(trainer.steps, 9);
  }));

Deno.test("checkpoint: a log of other steps than the trainer's is not written", () =>
  withCheckpoint(async ({ path, trainer }) => {
    const short = { loss: [1], gradientNorm: [1], learningRate: [1] };
    const message = "needs a number for every step in each of its lists as its log";
    await assertRejects(() => saveCheckpoint(path, trainer, short), RangeError, message);
  }));

Deno.test("checkpoint: after a crash between its two renames, the one before is resumed", () =>
  withCheckpoint(async ({ path, device, stepsTo }) => {
    await stepsTo(4, path);
    await Deno.rename(path, `${path}.new`);
    assert(await hasCheckpoint(path));
    const again = scene(device);
    assertEquals((await again.resume(path)).log.loss.length, 2);
    await again.stepsTo(4, path);
    const names = ["checkpoint.safetensors", "checkpoint.safetensors.old"];
    assertEquals(filesIn(path.replace(/\/[^/]*$/, "")), names);
  }));

Deno.test("checkpoint: the disk never holds more than two, whatever a crash has left", async () => {
  const { rename } = disk, counts: number[] = [];
  await withCheckpoint(async ({ path, stepsTo }) => {
    await stepsTo(3, path);
    await Deno.writeTextFile(`${path}.new`, "cut off");
    disk.rename = (from, to) => {
      counts.push(filesIn(path.replace(/\/[^/]*$/, "")).length);
      return rename.call(disk, from, to);
    };
    await stepsTo(4, path);
  }).finally(() => disk.rename = rename);
  assertEquals(counts, [2, 2, 2]);
});

Deno.test("checkpoint: a missing one is named as it was asked for", () =>
  withCheckpoint(async ({ path, trainer }) => {
    const none = `${path}.none`;
    const { message } = await assertRejects(() => resumeCheckpoint(none, trainer), Error);
    assertStringIncludes(message, `cannot read ${none}: `);
  }));

Deno.test("checkpoint: a damaged one is never passed over, and says how to resume from the one before", () =>
  withCheckpoint(async ({ path, device, stepsTo }) => {
    await stepsTo(4, path);
    const { trainer } = scene(device), advice = "; remove it to resume from the one before";
    const bytes = await Deno.readFile(path);
    for (const damaged of [bytes.subarray(0, 20), bytes.with(-1, bytes.at(-1)! ^ 1)]) {
      await Deno.writeFile(path, damaged);
      await assertRejects(() => resumeCheckpoint(path, trainer), Error, advice);
    }
    await Deno.remove(path);
    assertEquals((await resumeCheckpoint(path, trainer)).step, 2);
    await Deno.remove(`${path}.old`);
    assertEquals(await hasCheckpoint(path), false);
  }));

Deno.test("checkpoint: values that are not finite are not written over good ones", () =>
  withCheckpoint(async ({ path, device, model, trainer }) => {
    const bytes = await Deno.readFile(path), [{ tensor, size }] = model.trainable();
    device.write(tensor, new Float32Array(size).fill(Infinity, size - 1));
    await assertRejects(
      () => saveCheckpoint(path, trainer),
      RangeError,
      "needs finite values, found Infinity in parameter.base_model",
    );
    assertEquals(await Deno.readFile(path), bytes);
  }));
