import { assertEquals, assertThrows } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import { Parameter } from "../../src/autograd/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { Tape } from "../../src/autograd/tape.ts";
import { Arena } from "../../src/device/arena.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { adamW } from "../../src/train/mod.ts";

const shapes = [[3], [64], [5, 13], [1], [2, 40]];

/** Parameters in one arena, every value 1, -1, 2, -2, … */
function makeParameters(device: ReferenceDevice): { parameters: Parameter[]; arena: Arena } {
  const entries = shapes.map((shape, i) => ({ name: `p${i}`, shape }));
  const arena = new Arena(device, entries, "weight", "test");
  const parameters = entries.map(({ name }) => new Parameter(name, arena.view(name)));
  for (const { tensor } of parameters) device.write(tensor, values(tensor.size, 1));
  return { parameters, arena };
}

const values = (size: number, scale: number) =>
  Float64Array.from({ length: size }, (_, i) => scale * (i % 2 ? -1 : 1) * (1 + Math.floor(i / 2)));

/** Puts a gradient where a tape would have put it. */
function giveGradient({ gradient, size }: Parameter, scale: number): void {
  gradient!.tensor.device.write(gradient!.tensor, values(size, scale));
  gradient!.filled = true;
}

const read = async (device: ReferenceDevice, parameters: Parameter[]) =>
  (await device.read(...parameters.map(({ tensor }) => tensor))).map(({ data }) => [...data]);

/** AdamW as its paper writes it, for one number. */
function referenceAdamW(theta: number, gradients: number[], rate: number, decay: number): number {
  let m = 0, v = 0;
  gradients.forEach((g, i) => {
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const step = m / (1 - 0.9 ** (i + 1)) / (Math.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8);
    theta = theta * (1 - rate * decay) - rate * step;
  });
  return theta;
}

Deno.test("AdamW: five steps on parameters of an arena equal its definition, groups with their own settings", async () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const [a, b, c, d, e] = parameters;
  const groups = [
    { parameters: [a, c, d] },
    { parameters: [e, b], learningRate: 0.03, weightDecay: 0.2 },
  ];
  using optimizer = adamW(groups, { learningRate: 0.01, weightDecay: 0.1 });
  const scales = [0.5, -1, 2, 0.1, 0.3];
  for (const scale of scales) {
    for (const parameter of parameters) giveGradient(parameter, scale);
    optimizer.step();
  }
  const found = await read(device, parameters);
  parameters.forEach((parameter, p) => {
    const [rate, decay] = [b, e].includes(parameter) ? [0.03, 0.2] : [0.01, 0.1];
    const expected = [...values(parameter.size, 1)].map((theta) =>
      referenceAdamW(theta, scales.map((scale) => scale * theta), rate, decay)
    );
    assertAllClose(found[p], expected, { relative: 1e-12, absolute: 0, what: parameter.name });
  });
});

Deno.test("AdamW: adjacent parameters of a group are updated by one launch", () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const launchesOf = (groups: Parameter[][]) => {
    using optimizer = adamW(groups.map((parameters) => ({ parameters })), { learningRate: 1 });
    const before = device.ledger.launches.get("adamw > weight") ?? 0;
    for (const parameter of parameters) giveGradient(parameter, 1);
    optimizer.step();
    return device.ledger.launches.get("adamw > weight")! - before;
  };
  const [a, b, c, d, e] = parameters;
  assertEquals(launchesOf([[e, d, c, b, a]]), 1);
  assertEquals(launchesOf([[a, b], [c, d, e]]), 2);
  assertEquals(launchesOf([[a, c, e], [b, d]]), 5);
});

Deno.test("AdamW: a limit on bindings cuts ranges and changes no bit", async () => {
  const trained = async (maxBindingBytes: number) => {
    using device = new ReferenceDevice();
    Object.assign(device, { maxBindingBytes });
    using tensor = device.allocate([10_000], "f32", "weight", "long");
    device.write(tensor, values(10_000, 1e-3));
    const parameter = new Parameter("long", tensor);
    using optimizer = adamW([parameter], { learningRate: 0.1, clipNorm: 1 });
    giveGradient(parameter, 0.1);
    optimizer.step();
    assertEquals(
      device.ledger.launches.get("adamw > weight"),
      maxBindingBytes === Infinity ? 1 : 3,
    );
    return [...await read(device, [parameter]), (await device.read(optimizer.norm))[0].data[0]];
  };
  assertEquals(await trained(4 * 5000), await trained(Infinity));
});

Deno.test("AdamW: the norm is that of all groups before clipping, and clipping scales by max / (norm + 1e-6)", async () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const groups = [{ parameters: parameters.slice(0, 2) }, { parameters: parameters.slice(2) }];
  using optimizer = adamW(groups, { learningRate: 0.1, clipNorm: 2 });
  for (const parameter of parameters) giveGradient(parameter, 1);
  optimizer.step();
  const norm = Math.hypot(...parameters.flatMap(({ size }) => [...values(size, 1)]));
  const [{ data }] = await device.read(optimizer.norm);
  assertAllClose(data, [norm], { relative: 1e-14 });
  const [first] = await device.read(optimizer.slots[0].first);
  const factor = 2 / (norm + 1e-6);
  assertAllClose(first.data, [...values(3, 0.1 * factor)], { relative: 1e-12 });
});

Deno.test("AdamW: a small norm is not clipped", async () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  using optimizer = adamW(parameters, { learningRate: 0.1, clipNorm: 1e6 });
  for (const parameter of parameters) giveGradient(parameter, 1);
  optimizer.step();
  const [first] = await device.read(optimizer.slots[0].first);
  assertAllClose(first.data, [...values(3, 0.1)], { relative: 1e-12 });
});

Deno.test("AdamW: a parameter without a gradient counts as one of gradient zero", async () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  using optimizer = adamW(parameters, { learningRate: 0.1 });
  for (const parameter of parameters) giveGradient(parameter, 1);
  optimizer.step();
  const [before] = await read(device, [parameters[2]]);
  giveGradient(parameters[0], 1);
  optimizer.step();
  const [after] = await read(device, [parameters[2]]);
  // g = 1 then 0: m = 0.09, v = 0.000999, both corrected for two steps.
  const step = 0.09 / (1 - 0.81) / Math.sqrt(0.000999 / (1 - 0.998001));
  const moved = after.map((value, i) => before[i] - value);
  assertAllClose(moved, before.map((value) => Math.sign(value) * 0.1 * step), { relative: 1e-6 });
});

Deno.test("AdamW: setting the learning rate scales every group", async () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const groups = [{ parameters: [parameters[0]] }, {
    parameters: [parameters[1]],
    learningRate: 0.4,
  }];
  using optimizer = adamW(groups, { learningRate: 0.1 });
  optimizer.learningRate = 0.05;
  const before = await read(device, parameters.slice(0, 2));
  for (const parameter of parameters.slice(0, 2)) giveGradient(parameter, 1);
  optimizer.step();
  const after = await read(device, parameters.slice(0, 2));
  // The first step of Adam is the learning rate in size.
  const moved = after.map((list, p) => Math.abs(list[0] - before[p][0]));
  assertAllClose(moved, [0.05, 0.2], { relative: 1e-6 });
});

Deno.test("AdamW: disposal gives back the gradients' place and every byte", () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const before = device.ledger.read().live;
  const optimizer = adamW(parameters, { learningRate: 0.1 });
  const count = parameters.reduce((sum, { size }) => sum + size, 0);
  const { byRole } = device.ledger.read();
  assertEquals([byRole.gradient, byRole.optimizer], [4 * count, 8 * count]);
  optimizer[Symbol.dispose]();
  optimizer[Symbol.dispose]();
  assertEquals(device.ledger.read().live, before);
  assertEquals(parameters.map(({ gradient }) => gradient), parameters.map(() => undefined));
});

Deno.test("AdamW: misuse is named", () => {
  using device = new ReferenceDevice();
  const { parameters, arena } = makeParameters(device);
  using _ = arena;
  const fails = (make: () => void, message: string) => assertThrows(make, RangeError, message);
  const options = { learningRate: 0.1 };
  fails(() => adamW([], options), "needs trainable parameters, found none");
  fails(() => adamW(parameters, { learningRate: -1 }), "learningRate to be at least 0, found -1");
  fails(() => adamW(parameters, { learningRate: NaN }), "learningRate to be at least 0, found NaN");
  fails(() => adamW(parameters, { ...options, betas: [0.9, 1] }), "betas to be in [0, 1), found 1");
  fails(() => adamW(parameters, { ...options, epsilon: 0 }), "epsilon to be above 0, found 0");
  fails(() => adamW(parameters, { ...options, clipNorm: 0 }), "clipNorm to be above 0, found 0");
  fails(() => adamW(parameters, { ...options, weightDecay: -1 }), "weightDecay to be at least 0");
  const lost = "finite and not vanish in F32, found";
  for (const clipNorm of [1e-300, 1e-40, 1e39]) {
    fails(() => adamW(parameters, { ...options, clipNorm }), `clipNorm to be ${lost} ${clipNorm}`);
  }
  fails(() => adamW(parameters, { ...options, epsilon: 1e-50 }), `epsilon to be ${lost} 1e-50`);
  fails(() => adamW(parameters, { learningRate: 1e39 }), `learningRate to be ${lost} 1e+39`);
  fails(() => adamW(parameters, { learningRate: 1e-50 }), `learningRate to be ${lost} 1e-50`);
  fails(() => adamW(parameters, { ...options, weightDecay: 1e99 }), `weightDecay to be ${lost}`);
  const betas = [0.9, 1 - 1e-9] as const;
  fails(() => adamW(parameters, { ...options, betas }), "betas to be below 1 in F32, found 0.99");
  fails(() => adamW([parameters[0], parameters[0]], options), "found p0 twice");
  using optimizer = adamW(parameters, options);
  fails(() => adamW(parameters, options), "without an optimizer, found one on p0");
  fails(() => optimizer.step(), "needs gradients from tape.backward, found none for 5");
  giveGradient(parameters[0], 1);
  optimizer.learningRate = NaN;
  fails(() => optimizer.step(), "a step needs a finite learning rate, found NaN");
  assertEquals(optimizer.steps, 0);
  using other = new DryDevice();
  using tape = new Tape(other);
  assertThrows(() => optimizer.step(tape), DeviceError, "needs a tape on reference");
  parameters[1].trainable = false;
  optimizer[Symbol.dispose]();
  fails(() => adamW(parameters, options), "found p1 frozen");
});
