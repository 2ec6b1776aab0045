import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { DeviceError, ShapeError } from "../../src/core/errors.ts";
import { type DeviceKind, openDevice } from "../../src/device/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readBatches } from "../../src/train/batch.ts";
import {
  type Batch,
  type BatchSource,
  train,
  type TrainableModel,
  Trainer,
} from "../../src/train/mod.ts";
import { randomBatches, tinyModel, trainedValues } from "./fixtures.ts";

/** Indices of the five batches that come from batch `start` on, among three. */
async function next(source: BatchSource, batches: Batch[], start: number): Promise<number[]> {
  const reader = readBatches(source, start), found: number[] = [];
  for (let i = 0; i < 5; i++) found.push(batches.indexOf(await reader.next()));
  await reader.close();
  return found;
}

Deno.test("batches: every kind of source can be entered in the middle", async () => {
  const batches = randomBatches(3);
  const sources: (() => BatchSource)[] = [
    () => batches,
    () => (index) => batches[index % 3],
    () => new Set(batches),
    () =>
      (function* () {
        for (let i = 0;; i++) yield batches[i % 3];
      })(),
  ];
  for (const source of sources) {
    assertEquals(await next(source(), batches, 0), [0, 1, 2, 0, 1]);
    assertEquals(await next(source(), batches, 2), [2, 0, 1, 2, 0]);
    assertEquals(await next(source(), batches, 7), [1, 2, 0, 1, 2]);
  }
});

Deno.test("trainer: a batch that does not fit is named before anything runs", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using trainer = new Trainer(model, { learningRate: 1, steps: 1 });
  const [good] = randomBatches(1), [other] = randomBatches(1, { rows: 1 });
  const bad = { inputs: good.inputs, targets: other.targets };
  const message = "10 rows of logits need 10 labels, found 5";
  assertThrows(() => trainer.step([bad]), ShapeError, message);
  const rule = "a batch needs ";
  const refused = (batch: unknown, found: string) =>
    assertThrows(() => trainer.step([batch as Batch]), TypeError, rule + found);
  const targets = "targets as { shape, data }, found ";
  refused({ ...good, targets: [[2, 3]] }, targets + "a plain list for its targets");
  refused({ ...good, targets: Int32Array.of(1) }, targets + "values without a shape");
  refused({ ...good, targets: { shape: [2, 5] } }, targets + "something else for its targets");
  refused([[1, 2]], "inputs and targets, found nothing for its inputs");
  refused(undefined, "inputs and targets, found nothing for its inputs");
  const old = { inputs: good.inputs.tokens, targets: good.targets } as unknown as Batch;
  assertThrows(() => trainer.step([old]), TypeError, "inputs as { tokens: ");
  const plain = { ...good, inputs: [[1, 2]] } as unknown as Batch;
  assertThrows(() => trainer.step([plain]), TypeError, "inputs as { tokens: ");
  const silent = { ...good, targets: { ...good.targets, data: new Int32Array(10).fill(-100) } };
  assertThrows(
    () => trainer.step([silent]),
    RangeError,
    "needs a label that is not ignored, found none",
  );
  assertThrows(() => trainer.step([]), RangeError, "found none");
  assertEquals(trainer.steps, 0);
});

Deno.test("trainer: a step that fails half way leaves no gradients behind", async () => {
  using device = new ReferenceDevice();
  const trained = async (fail: boolean) => {
    using model = tinyModel(device);
    using trainer = new Trainer(model, { learningRate: 1e-2, steps: 2, accumulation: 2 });
    const [a, b, c] = randomBatches(3);
    const wrong = {
      ...b,
      inputs: { tokens: { shape: [2, 5], data: new Uint32Array(10).fill(99) } },
    };
    if (fail) assertThrows(() => trainer.step([c, wrong]), RangeError, "found 99 at position 0");
    trainer.step([a, b]);
    return await trainedValues(model);
  };
  assertEquals(await trained(true), await trained(false));
});

Deno.test("trainer: a device that is full gets everything back", () => {
  class Small extends ReferenceDevice {
    room = Infinity;
    override allocate(...args: Parameters<ReferenceDevice["allocate"]>) {
      if (this.room-- <= 0) throw new DeviceError("allocating needs room, found none");
      return super.allocate(...args);
    }
  }
  using device = new Small();
  using model = tinyModel(device);
  const { live } = device.ledger.read();
  for (let room = 0; room < 6; room++) {
    device.room = room;
    assertThrows(
      () => new Trainer(model, { learningRate: 1, steps: 1 }),
      DeviceError,
      "found none",
    );
    assertEquals(device.ledger.read().live, live);
  }
  device.room = 6;
  new Trainer(model, { learningRate: 1, steps: 1 })[Symbol.dispose]();
});

Deno.test("trainer: options out of range are named", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const fails = (options: object, message: string) =>
    assertThrows(
      () => new Trainer(model, { learningRate: 1, steps: 1, ...options }),
      RangeError,
      message,
    );
  fails({ steps: 1.5 }, "training needs steps to be an integer of at least 0, found 1.5");
  fails(
    { accumulation: 0 },
    "training needs accumulation to be an integer from 1 to 65536, found 0",
  );
  fails({ schedule: "step" }, 'a schedule must be constant, linear or cosine, found "step"');
  for (const parameter of model.parameters.values()) parameter.trainable = false;
  fails({}, "AdamW needs trainable parameters, found none");
  assertEquals(device.ledger.read().byRole.gradient, 0);
});

Deno.test("trainer: a step is one submit, however many batches it takes", () => {
  let submits = 0;
  class Counting extends ReferenceDevice {
    override submit(): void {
      submits++;
    }
  }
  using device = new Counting();
  using model = tinyModel(device);
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 3, accumulation: 2 });
  for (let step = 0; step < 3; step++) trainer.step(randomBatches(2));
  assertEquals(submits, 3);
});

Deno.test("trainer: no batch of any step draws its dropout masks from another's seed", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const seeds: unknown[] = [];
  const watched: TrainableModel = {
    device,
    trainable: () => model.trainable(),
    forward: (tape, inputs) => {
      seeds.push(tape.nextDropoutSeed());
      return model.forward(tape, inputs);
    },
  };
  for (const seed of [0, 1]) {
    using trainer = new Trainer(watched, { learningRate: 0, steps: 4, seed, accumulation: 2 });
    for (let step = 0; step < 4; step++) trainer.step(randomBatches(2));
    const three = randomBatches(3), message = "a step needs 2 batches (accumulation), found 3";
    assertThrows(() => trainer.step(three), RangeError, message);
  }
  assertEquals(new Set(seeds).size, 16);
  assert(!seeds.includes(0), "a mask of seed 0 hashes index 0 to 0, which every rate drops");
});

Deno.test("options and batches that are none are refused in a sentence", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  for (const wrong of [null, undefined, 3, []] as never[]) {
    const found = wrong === undefined ? "nothing" : JSON.stringify(wrong);
    assertThrows(
      () => injectLora(model, wrong),
      TypeError,
      `the options of injectLora must be an object, found ${found}`,
    );
    assertThrows(
      () => new Trainer(model, wrong),
      TypeError,
      `the options of a training must be an object, found ${found}`,
    );
  }
  for (const wrong of [null, undefined, 3] as never[]) {
    await assertRejects(
      () => train(model, wrong, { learningRate: 1e-3, steps: 1 }).finish(),
      TypeError,
      "training needs a list of batches or a function, found ",
    );
  }
});

/** Two values fill each of the first two, by their products. */
const shapes = [[-1, -2], [0.5, 4], [NaN, 2], [-2, 1], [2 ** 53, 2]];

for (const kind of ["dry", "cpu", "reference"] satisfies DeviceKind[]) {
  Deno.test(`${kind}: a batch needs whole extents, and is refused before any kernel runs`, async () => {
    using device = await openDevice({ kind });
    using model = tinyModel(device);
    using trainer = new Trainer(model, { learningRate: 1e-3, steps: 1 });
    const before = device.ledger.launches.size;
    for (const shape of shapes) {
      const batch = {
        inputs: { tokens: { shape, data: new Uint32Array(2) } },
        targets: { shape, data: new Int32Array(2) },
      };
      assertThrows(() => trainer.step([batch]), ShapeError, `found [${shape.join(", ")}]`);
    }
    assertEquals(device.ledger.launches.size, before);
  });
}
