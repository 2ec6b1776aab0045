import { assert, assertEquals, assertRejects } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  emptyLog,
  hasCheckpoint,
  logStep,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  Trainer,
  type TrainerOptions,
  type TrainingLog,
} from "../../src/train/mod.ts";
import { isTimes, TrainingClock } from "../../src/train/train.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { randomBatches, tinyModel, trainedValues } from "./fixtures.ts";

const options: TrainerOptions = {
  learningRate: 1e-2,
  steps: 12,
  seed: 7,
  schedule: "linear",
  warmupSteps: 2,
  weightDecay: 0.1,
  clipNorm: 1,
  accumulation: 2,
};
const batches = randomBatches(5);

/** Trains up to `until` and leaves a checkpoint there; or resumes from it first. */
async function trainPart(
  device: Device,
  { path, resume = false, until = options.steps, lora = false, more = {} }: {
    path: string;
    resume?: boolean;
    until?: number;
    lora?: boolean;
    more?: Partial<TrainerOptions>;
  },
): Promise<{ log: TrainingLog; values: number[]; exact?: boolean; step?: number }> {
  using model = tinyModel(device, { dropout: 0.2 });
  using _ = lora ? injectLora(model, { rank: 2, sites: "all", seed: 1, dropout: 0.1 }) : undefined;
  using trainer = new Trainer(model, { ...options, ...more });
  const resumed = resume ? await resumeCheckpoint(path, trainer) : undefined;
  const log = resumed?.log ?? emptyLog();
  for await (const event of runTrainer(trainer, batches)) {
    logStep(log, event);
    if (trainer.steps === until) break;
  }
  await saveCheckpoint(path, trainer, log);
  const { exact, step } = resumed ?? {};
  return { log, values: await trainedValues(model), exact, step };
}

for (const lora of [false, true]) {
  Deno.test(`checkpoint: a resumed run has the bits of an uninterrupted one, ${lora ? "LoRA" : "full"}`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/one.safetensors`, whole = `${folder}/whole.safetensors`;
      using device = await openCpuDevice({ threads: 2 });
      const expected = await trainPart(device, { path: whole, lora });
      await trainPart(device, { path, until: 5, lora });
      using single = await openCpuDevice({ threads: 2 });
      const resumed = await trainPart(single, { path, resume: true, lora });
      assertEquals([resumed.step, resumed.exact], [5, true]);
      assertEquals(resumed.log, expected.log);
      assertEquals(resumed.values, expected.values);
      assertEquals(await Deno.readFile(path), await Deno.readFile(whole));
      const files = ["one.safetensors", "one.safetensors.old", "whole.safetensors"];
      assertEquals(filesIn(folder), files);
    }));
}

Deno.test("checkpoint: another device goes on and says that the bits may differ", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    using cpu = await openCpuDevice({ threads: 2 });
    const expected = await trainPart(cpu, { path: `${folder}/b.safetensors` });
    await trainPart(cpu, { path, until: 5 });
    using reference = new ReferenceDevice();
    const { exact, log } = await trainPart(reference, { path, resume: true });
    assertEquals(exact, false);
    const worst = Math.max(...log.loss.map((loss, i) => Math.abs(loss - expected.log.loss[i])));
    assert(worst > 0 && worst < 1e-3, `losses differ by ${worst}`);
    // The reference device computes in float64, of which the file keeps F32.
    assertEquals(
      (await trainPart(reference, { path, resume: true, more: { steps: 13 } })).exact,
      false,
    );
  }));

Deno.test("checkpoint: what does not fit is named, and the trainer is as before", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    using device = await openCpuDevice({ threads: 1 });
    await trainPart(device, { path, until: 2 });
    const fails = (more: Partial<Parameters<typeof trainPart>[1]>, message: string) =>
      assertRejects(() => trainPart(device, { path, resume: true, ...more }), RangeError, message);
    await fails({ more: { seed: 8 } }, "needs seed 7, found 8");
    await fails({ lora: true }, "needs the same parameters, found parameter.base_model");
    using model = tinyModel(device);
    model.parameters.get("transformer.wte.weight")!.trainable = false;
    const before = await trainedValues(model);
    using trainer = new Trainer(model, options);
    await assertRejects(
      () => resumeCheckpoint(path, trainer),
      RangeError,
      ".transformer.wte.weight in the file only",
    );
    assertEquals(await trainedValues(model), before);
    assertEquals(trainer.steps, 0);
  }));

Deno.test("checkpoint: other files are not taken for one", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using trainer = new Trainer(model, options);
    const other = new URL("../golden/gpt2_tiny/model.safetensors", import.meta.url).pathname;
    await assertRejects(
      () => resumeCheckpoint(other, trainer),
      RangeError,
      'needs a "lowrank checkpoint 2" in its metadata, found none',
    );
    assertEquals(await hasCheckpoint(other), true);
    assertEquals(await hasCheckpoint(`${folder}/none`), false);
  }));

Deno.test("checkpoint: two adapters of one site keep apart", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    using device = await openCpuDevice({ threads: 1 });
    const open = () => {
      const model = tinyModel(device);
      injectLora(model, { rank: 1, sites: ["q"], seed: 1 });
      injectLora(model, { rank: 2, sites: ["q"], seed: 2, onTop: true });
      return { model, trainer: new Trainer(model, options) };
    };
    const { model, trainer } = open();
    trainer.step(batches.slice(0, 2));
    await saveCheckpoint(path, trainer);
    const other = open();
    await resumeCheckpoint(path, other.trainer);
    assertEquals(await trainedValues(other.model), await trainedValues(model));
    assertEquals(other.trainer.steps, 1);
  }));

Deno.test("the times of a training are those of all calls that it took", () => {
  let ms = 7000;
  const first = new TrainingClock(undefined, () => ms);
  first.add(2000.128);
  ms += 2500;
  const before = first.times;
  assertEquals(before, { seconds: 2.5, ms: [2000.13] });
  ms = 90_000; // another process
  const second = new TrainingClock(before, () => ms);
  second.add(400);
  ms += 1000;
  assertEquals(second.times, { seconds: 3.5, ms: [2000.13, 400] });
  assertEquals(before.ms, [2000.13]);
});

Deno.test("times that cannot be true are not taken from a checkpoint", () => {
  const good = { seconds: 1, ms: [1, 2] };
  const wrong = [null, 1, { ms: [] }, { seconds: NaN, ms: [] }, { seconds: 1, ms: [-1] }, {
    seconds: 1,
    ms: 3,
  }];
  assertEquals([good, ...wrong].map((times) => isTimes(times, 2)), [
    true,
    ...wrong.map(() => false),
  ]);
  assertEquals([1, 2, 3].map((steps) => isTimes(good, steps)), [false, true, true]);
});
