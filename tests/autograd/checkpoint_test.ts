/** Activation checkpointing of a tape: what it keeps, frees and computes once more. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { add, dropout, gelu, linear, Parameter, scale, Tape } from "../../src/autograd/mod.ts";
import type { TapeOptions } from "../../src/autograd/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";

const width = 6, rows = 4, random = new Random(2);

function parameterOn(device: Device, name: string, shape: readonly number[]): Parameter {
  const tensor = device.allocate(shape, "f32", "weight", name);
  device.write(tensor, Float32Array.from({ length: tensor.size }, () => random.normal()));
  return new Parameter(name, tensor);
}

/** Something to differentiate: dropout(gelu(x Wᵀ)) + x, twice, between two other operations. */
function networkOn(device: Device) {
  const start = parameterOn(device, "x", [rows, width]);
  const weights = ["first", "second"].map((name) => parameterOn(device, name, [width, width]));
  const layer = (tape: Tape, W: Parameter) => (x: Tensor) => {
    const y = tape.pipe(
      linear(tape, x, W),
      (h) => gelu(tape, h),
      (h) => dropout(tape, h, 0.4),
    );
    const sum = add(tape, y, x);
    tape.release(y);
    return sum;
  };
  const forward = (tape: Tape) => {
    const layers = weights.map((W) => layer(tape, W));
    return tape.pipe(
      scale(tape, add(tape, start, start), 0.5),
      ...layers.map((layer) => (x: Tensor) => tape.checkpoint(x, [layer])),
      (x) => gelu(tape, x),
    );
  };
  const nested = (tape: Tape) => {
    const [first, second] = weights.map((W) => layer(tape, W));
    const inner = (x: Tensor) => tape.checkpoint(x, [second]);
    return tape.pipe(
      scale(tape, add(tape, start, start), 0.5),
      (x) => tape.checkpoint(x, [first, inner]),
      (x) => gelu(tape, x),
    );
  };
  return { parameters: [start, ...weights], forward, nested };
}

const checkpointing = { activationCheckpointing: true } as const;

async function gradientsOf(
  device: Device,
  parameters: readonly Parameter[],
  forward: (tape: Tape) => Tensor,
  options: TapeOptions,
) {
  using tape = new Tape(device, { dropoutSeed: 3, ...options });
  tape.backward(forward(tape));
  const gradients = parameters.map((one) => tape.gradientOf(one)!);
  return (await device.read(...gradients)).map(({ data }) => [...data]);
}

Deno.test("gradients have the same bits with checkpoints, also with one within another", async () => {
  for (const device of [new ReferenceDevice(), await openCpuDevice({ threads: 2 })]) {
    using _ = device;
    const { parameters, forward, nested } = networkOn(device), live = device.ledger.read().live;
    const gradients = (run: typeof forward, options: TapeOptions) =>
      gradientsOf(device, parameters, run, options);
    const expected = await gradients(forward, {});
    assert(expected.every((values) => values.some((value) => value !== 0)));
    assertEquals(await gradients(forward, checkpointing), expected);
    assertEquals(await gradients(nested, checkpointing), expected);
    assertEquals(device.ledger.read().live, live);
  }
});

Deno.test("between the passes a checkpoint keeps what it reads, and nothing that it makes", () => {
  using device = new ReferenceDevice();
  const W = parameterOn(device, "W", [width, width]), made: Tensor[] = [];
  using tape = new Tape(device, checkpointing);
  const x = tape.activation([rows, width], "x"), shared = tape.activation([rows, width], "shared");
  for (const tensor of [x, shared]) device.write(tensor, new Float32Array(rows * width));
  const keepTrack = (tensor: Tensor) => (made.push(tensor), tensor);
  const out = tape.checkpoint(x, [
    (x) => keepTrack(linear(tape, x, W)),
    (h) => keepTrack(gelu(tape, h)),
    (h) => keepTrack(add(tape, h, shared)),
  ], [shared]);
  tape.release(shared);
  const areAlive = () => [x, shared, ...made].map(({ storage }) => storage.alive);
  assertEquals(areAlive(), [true, true, false, false, true]);
  tape.backward(out);
  assert(made[2] === out);
  assertEquals(areAlive().flatMap((alive, i) => alive ? [i] : []), [4], "the result alone");
  assertEquals(made.length, 6);
});

Deno.test("a checkpoint without anything trainable runs once and keeps nothing", () => {
  using device = new ReferenceDevice();
  const frozen = parameterOn(device, "frozen", [width, width]);
  const W = parameterOn(device, "W", [width, width]);
  frozen.trainable = false;
  let runs = 0;
  using tape = new Tape(device, checkpointing);
  const x = tape.activation([rows, width], "x");
  device.write(x, new Float32Array(rows * width));
  const y = tape.checkpoint(x, [(x) => (runs++, linear(tape, x, frozen))]);
  assertEquals(x.storage.alive, false);
  tape.backward(linear(tape, y, W));
  assertEquals(runs, 1);
});

Deno.test("linear layers show their inputs once, in the first pass, and what is kept stays", () => {
  using device = new ReferenceDevice();
  const { forward } = networkOn(device), seen: [string, Tensor][] = [];
  const onLinear = (name: string, x: Tensor) => void seen.push([name, x]);
  using tape = new Tape(device, { ...checkpointing, onLinear });
  tape.backward(forward(tape));
  assertEquals(seen.map(([name]) => name), ["first", "second"]);
  assert(seen.every(([, { storage }]) => storage.alive));
});

Deno.test("an error in a recomputation leaves no byte, and the masks where they were", () => {
  using device = new ReferenceDevice();
  const W = parameterOn(device, "W", [width, width]), live = device.ledger.read().live;
  let fails = false;
  {
    using tape = new Tape(device, { ...checkpointing, dropoutSeed: 3 });
    const x = tape.activation([rows, width], "x");
    device.write(x, new Float32Array(rows * width));
    const out = tape.checkpoint(x, [
      (x) => dropout(tape, linear(tape, x, W), 0.5),
      (h) => {
        if (fails) throw new DeviceError("no room for more");
        return gelu(tape, h);
      },
    ]);
    using same = new Tape(device, { dropoutSeed: 3 });
    same.nextDropoutSeed();
    fails = true;
    assertThrows(() => tape.backward(out), DeviceError, "no room for more");
    assertThrows(() => tape.backward(out), RangeError, "runs backward over gelu once");
    assertEquals(tape.nextDropoutSeed(), same.nextDropoutSeed());
  }
  assertEquals(device.ledger.read().live, live);
});
