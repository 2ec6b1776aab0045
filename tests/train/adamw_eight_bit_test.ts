/** AdamW with moments in 8 bits: whose they are, its steps, its bytes, its checkpoints. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { Parameter } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import { Arena } from "../../src/device/arena.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { initGpt2 } from "../../src/models/mod.ts";
import { dynamicMap } from "../../src/quant/mod.ts";
import {
  adamW,
  adamW8bit,
  emptyLog,
  logStep,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  Trainer,
  type TrainerOptions,
} from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { randomBatches, trainedValues } from "./fixtures.ts";
import { shapes } from "./ledger_cases.ts";

/** Large ones around and between small ones. */
const extents = [[41, 101], [3], [64, 64], [64], [4095], [4096]];

function makeParameters(device: Device): { parameters: Parameter[]; arena: Arena } {
  const entries = extents.map((shape, i) => ({ name: `p${i}`, shape }));
  const arena = new Arena(device, entries, "weight", "test");
  const parameters = entries.map(({ name }) => new Parameter(name, arena.view(name)));
  parameters.forEach(({ tensor }, i) => device.write(tensor, normals(i, tensor.size)));
  return { parameters, arena };
}

/** Normal values that are exact in F32. */
function normals(seed: number, size: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: size }, () => random.normal());
}

/** Puts gradients where a tape would have put them. */
function giveGradients(parameters: readonly Parameter[], seed: number): void {
  parameters.forEach(({ gradient, size, tensor: { device } }, i) => {
    device.write(gradient!.tensor, normals(100 * seed + i, size));
    gradient!.filled = true;
  });
}

const read = async (device: Device, parameters: readonly Parameter[]) =>
  (await device.read(...parameters.map(({ tensor }) => tensor))).map(({ data }) => data);

/** A moment after it was stored in 8 bits: the nearest value of the map in each block of 256. */
function stored(moment: Float64Array<ArrayBuffer>, map: Float32Array) {
  return moment.map((value, i) => {
    const begin = i - i % 256, block = moment.subarray(begin, begin + 256);
    const scale = block.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const nearest = map.reduce((best, x) =>
      Math.abs(x - value / scale) < Math.abs(best - value / scale) ? x : best
    );
    return nearest * scale;
  });
}

/** Steps by the definition, in float64. */
function definition(
  start: ArrayLike<number>,
  gradients: readonly Float32Array[],
  { rate, decay, isEightBit }: { rate: number; decay: number; isEightBit: boolean },
): Float64Array {
  const theta = Float64Array.from(start), signed = dynamicMap(), unsigned = dynamicMap(false);
  let m = new Float64Array(theta.length), v = new Float64Array(theta.length);
  gradients.forEach((gradient, t) => {
    m = m.map((old, i) => 0.9 * old + 0.1 * gradient[i]);
    v = v.map((old, i) => 0.999 * old + 0.001 * gradient[i] ** 2);
    theta.forEach((old, i) => {
      const step = m[i] / (1 - 0.9 ** (t + 1)) / (Math.sqrt(v[i] / (1 - 0.999 ** (t + 1))) + 1e-8);
      theta[i] = old * (1 - rate * decay) - rate * step;
    });
    if (isEightBit) [m, v] = [stored(m, signed), stored(v, unsigned)];
  });
  return theta;
}

Deno.test("8-bit AdamW: three steps equal the definition, in groups, beside parameters in F32", async () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const isSecond = (p: number) => p === 1 || p === 2;
  const groups = [
    { parameters: parameters.filter((_, p) => !isSecond(p)) },
    { parameters: parameters.filter((_, p) => isSecond(p)), learningRate: 0.03, weightDecay: 0.2 },
  ];
  using optimizer = adamW8bit(groups, { learningRate: 0.01, weightDecay: 0.1 });
  const before = await read(device, parameters), seeds = [1, 2, 3];
  for (const seed of seeds) {
    giveGradients(parameters, seed);
    optimizer.step();
  }
  const found = await read(device, parameters);
  parameters.forEach(({ name, size }, p) => {
    const [rate, decay] = isSecond(p) ? [0.03, 0.2] : [0.01, 0.1];
    const gradients = seeds.map((seed) => normals(100 * seed + p, size));
    const expected = definition(before[p], gradients, { rate, decay, isEightBit: size >= 4096 });
    assertAllClose(found[p], expected, { relative: 1e-12, absolute: 1e-13, what: name });
  });
});

Deno.test("8-bit AdamW: parameters of 4,096 values and more take 2 bytes a value and 8 a block, others 8 a value", () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const before = device.ledger.read();
  const optimizer = adamW8bit(parameters, { learningRate: 0.1 });
  const narrow = optimizer.slots.filter(({ scales }) => scales).map(({ parameter }) => parameter);
  assertEquals(narrow.map(({ name }) => name), ["p0", "p2", "p5"]);
  const count = (some: readonly Parameter[]) => some.reduce((sum, { size }) => sum + size, 0);
  const blocks = narrow.reduce((sum, { size }) => sum + Math.ceil(size / 256), 0);
  const { byRole } = device.ledger.read();
  assertEquals(byRole.gradient, 4 * count(parameters));
  assertEquals(
    byRole.optimizer,
    2 * count(narrow) + 8 * blocks + 8 * (count(parameters) - count(narrow)),
  );
  optimizer[Symbol.dispose]();
  assertEquals(device.ledger.read().live, before.live);
});

Deno.test("8-bit AdamW: a launch for each large parameter, and one for adjacent small ones", () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  using optimizer = adamW8bit(parameters, { learningRate: 1 });
  giveGradients(parameters, 1);
  optimizer.step();
  const { launches } = device.ledger;
  // p1; then p3 with p4.
  assertEquals([launches.get("adamw > weight"), launches.get("adamw_eight_bit > weight")], [2, 3]);
});

Deno.test("8-bit AdamW: a limit on bindings cuts ranges and changes no bit", async () => {
  const trained = async (maxBindingBytes: number) => {
    using device = new ReferenceDevice();
    Object.assign(device, { maxBindingBytes });
    using tensor = device.allocate([40_000], "f32", "weight", "long");
    device.write(tensor, normals(1, 40_000));
    const parameter = new Parameter("long", tensor);
    using optimizer = adamW8bit([parameter], { learningRate: 0.1, clipNorm: 1 });
    for (const seed of [1, 2]) {
      giveGradients([parameter], seed);
      optimizer.step();
    }
    const launches = device.ledger.launches.get("adamw_eight_bit > weight");
    assertEquals(launches, maxBindingBytes === Infinity ? 2 : 6);
    return await read(device, [parameter]);
  };
  assertEquals(await trained(4 * 20_000), await trained(Infinity));
});

Deno.test("8-bit AdamW: on parameters that are all small it is AdamW, to the bit", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const trained = async (make: typeof adamW) => {
    using tensor = device.allocate([4095], "f32", "weight", "short");
    device.write(tensor, normals(1, 4095));
    const parameter = new Parameter("short", tensor);
    using optimizer = make([parameter], { learningRate: 0.1 });
    giveGradients([parameter], 1);
    optimizer.step();
    return await read(device, [parameter]);
  };
  assertEquals(await trained(adamW8bit), await trained(adamW));
});

const config = shapes["3 x 64, narrow"];
const options: TrainerOptions = {
  learningRate: 1e-2,
  steps: 8,
  seed: 7,
  schedule: "linear",
  weightDecay: 0.1,
  clipNorm: 1,
  optimizer: "adamw8bit",
};
const batches = randomBatches(3, { vocabulary: config.vocab_size, time: 9 });

/** Trains up to `until` and leaves a checkpoint there; or resumes from it first. */
async function trainPart(
  device: Device,
  path: string,
  { resume = false, until = options.steps, more = {} as Partial<TrainerOptions> } = {},
) {
  using model = initGpt2(device, config, { seed: 3 });
  using trainer = new Trainer(model, { ...options, ...more });
  const resumed = resume ? await resumeCheckpoint(path, trainer) : undefined;
  const log = resumed?.log ?? emptyLog();
  for await (const event of runTrainer(trainer, batches)) {
    logStep(log, event);
    if (trainer.steps === until) break;
  }
  await saveCheckpoint(path, trainer, log);
  return { log, values: await trainedValues(model), exact: resumed?.exact };
}

Deno.test("8-bit AdamW: a resumed run has the bits of an uninterrupted one", () =>
  withFolder(async (folder) => {
    const path = `${folder}/one.safetensors`, whole = `${folder}/whole.safetensors`;
    using device = await openCpuDevice({ threads: 2 });
    const expected = await trainPart(device, whole);
    await trainPart(device, path, { until: 5 });
    const resumed = await trainPart(device, path, { resume: true });
    assertEquals(resumed, { ...expected, exact: true });
    assertEquals(await Deno.readFile(path), await Deno.readFile(whole));
    const wide = await trainPart(device, `${folder}/wide`, { more: { optimizer: "adamw" } });
    assertNotEquals(wide.values, expected.values);
    const [narrowBytes, wideBytes] = [whole, `${folder}/wide`].map((name) =>
      Deno.statSync(name).size
    );
    assert(narrowBytes < 0.6 * wideBytes, `${narrowBytes} of ${wideBytes} bytes`);
  }));

Deno.test("8-bit AdamW: a checkpoint of the other optimizer, or with a code that was changed, is refused", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    using device = await openCpuDevice({ threads: 1 });
    await trainPart(device, path, { until: 2 });
    const fails = (message: string, more: Partial<TrainerOptions> = {}) =>
      assertRejects(() => trainPart(device, path, { resume: true, more }), RangeError, message);
    await fails("needs the optimizer adamw8bit, found adamw", { optimizer: "adamw" });
    const { tensors, metadata } = await readSafetensors(path),
      name = "first.transformer.wte.weight";
    (tensors.get(name)!.data as Uint32Array)[7] ^= 1;
    await writeSafetensors(path, tensors, { metadata });
    await fails("needs the bytes that were written, found others");
    await trainPart(device, `${folder}/wide`, { until: 2, more: { optimizer: "adamw" } });
    await Deno.rename(`${folder}/wide`, path);
    await fails("needs the optimizer adamw, found adamw8bit");
  }));

Deno.test("an optimizer that does not exist is named", () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 3 });
  const optimizer = "lion" as "adamw";
  assertThrows(
    () => new Trainer(model, { ...options, optimizer }),
    RangeError,
    'the optimizer of a training must be adamw or adamw8bit, found "lion"',
  );
});
