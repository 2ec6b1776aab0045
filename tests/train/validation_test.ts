/** Held-out batches while training: the curve, the values that are kept, early stop, resuming. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  evaluate,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  train,
  Trainer,
} from "../../src/train/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { collect, randomBatches, tinyModel, trainedValues } from "./fixtures.ts";

// What is learned of random tokens by heart makes other random tokens less likely.
const batches = randomBatches(2), validation = randomBatches(3, { seed: 9 });
const watch = { validation, validateEvery: 2 };
const options = { learningRate: 3e-2, steps: 20 };

Deno.test("the held-out loss is measured before, in between and at the end, and the lowest is kept", async () => {
  using model = tinyModel(new ReferenceDevice());
  const { loss: base } = await evaluate(model, validation);
  const { heldOut } = await train(model, batches, { ...options, steps: 5, ...watch }).finish();
  assertEquals(heldOut.map(({ step }) => step), [0, 2, 4, 5]);
  assertEquals(heldOut[0].loss, base);
  const lowest = Math.min(...heldOut.map(({ loss }) => loss));
  assert(lowest < heldOut.at(-1)!.loss, `the last ${JSON.stringify(heldOut)} is the lowest`);
  assertEquals((await evaluate(model, validation)).loss, lowest);
});

Deno.test("where the held-out loss never falls, the adapter is as it began", async () => {
  using model = tinyModel(new ReferenceDevice());
  using adapter = injectLora(model, { rank: 2 });
  const before = await trainedValues(model);
  const rising = { ...options, learningRate: 1, ...watch, patience: 1 };
  const { heldOut, loss } = await train(adapter, batches, rising).finish();
  assertEquals([heldOut.length, loss.length], [2, 2]);
  assertEquals(await trainedValues(model), before);
});

Deno.test("patience ends a training after so many measurements without a lower loss", async () => {
  for (const patience of [1, 2, 3]) {
    using model = tinyModel(new ReferenceDevice());
    const events = await collect(train(model, batches, { ...options, ...watch, patience }));
    const points = events.flatMap(({ heldOutBefore, heldOut }) =>
      [heldOutBefore ?? [], heldOut ?? []].flat()
    );
    const best = points.reduce((a, b) => b.loss < a.loss ? b : a);
    assertEquals(points.filter(({ step }) => step > best.step).length, patience);
    assert(events.length < options.steps);
    assertEquals(events.map(({ early }) => early ?? false).indexOf(true), events.length - 1);
  }
});

Deno.test("a checkpoint keeps the curve and the best values: what is resumed ends the same", () =>
  withFolder(async (folder) => {
    const path = `${folder}/one.safetensors`;
    using device = await openCpuDevice();
    const run = async (model = tinyModel(device), until = Infinity, resumes = false) => {
      using _ = model;
      using trainer = new Trainer(model, options);
      if (resumes) await resumeCheckpoint(path, trainer);
      for await (const _ of runTrainer(trainer, batches, { ...watch, patience: 4 })) {
        if (trainer.steps === until) break;
      }
      if (until < Infinity) await saveCheckpoint(path, trainer);
      return { points: trainer.heldOut.points, values: await trainedValues(model) };
    };
    const whole = await run();
    const { points: { length } } = await run(undefined, whole.points.at(-2)!.step + 1);
    assertEquals(length, whole.points.length - 1);
    assertEquals(await run(undefined, Infinity, true), whole);
  }));

Deno.test("a list of batches is all that a training needs", async () => {
  using model = tinyModel(new ReferenceDevice());
  using adapter = injectLora(model, { rank: 2 });
  const { learningRate, loss } = await train(adapter, batches).finish();
  assertEquals(learningRate.length, 200);
  assert(loss.at(-1)! < loss[0]);
  assertEquals(learningRate[0], 0.11); // 1.28 / width 12
  assert(learningRate.at(-1)! < learningRate[0] / 100);
  assertThrows(() => train(adapter, () => batches[0]), TypeError, "training needs steps");
  const one = train(adapter, () => batches[0], { steps: 1, learningRate: 1e-3 });
  assertEquals((await one.finish()).learningRate, [1e-3]);
});

Deno.test("the default learning rate falls with the scaling of the adapter, named or on the model", async () => {
  using model = tinyModel(new ReferenceDevice());
  using adapter = injectLora(model, { rank: 2, alpha: 8 });
  for (const what of [adapter, model]) {
    const { learningRate } = await train(what, batches, { steps: 1 }).finish();
    assertEquals(learningRate, [0.027]); // 1.28 / (12 · 4)
  }
});

Deno.test("what cannot be validated is refused", async () => {
  using model = tinyModel(new ReferenceDevice());
  const refuse = (more: object, sentence: string) =>
    assertRejects(
      () => train(model, batches, { ...options, ...more }).finish(),
      RangeError,
      sentence,
    );
  await refuse({ patience: 2 }, "training with patience needs validation batches, found none");
  await refuse({ ...watch, patience: 0 }, "patience to be an integer of at least 1, found 0");
  await refuse({ ...watch, validateEvery: 1.5 }, "validateEvery to be an integer of at least 1");
});
