/** The losses that hold outputs against a teacher's. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { klDivergence, Parameter, squaredError, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { assertAllClose } from "../support/all_close.ts";

const rows = 5, width = 7;

function normals(seed: number, scale = 1): HostTensor {
  const random = new Random(seed);
  const data = Float64Array.from({ length: rows * width }, () => scale * random.normal());
  return hostTensor([rows, width], data);
}

type Loss = typeof klDivergence;

/** The loss and its gradient. */
async function differentiate(device: Device, loss: Loss, y: HostTensor, targets: HostTensor) {
  using tape = new Tape(device);
  const tensor = tape.allocate(y.shape, "f32", "weight", "y"), leaf = new Parameter("y", tensor);
  device.write(tensor, y.data);
  const tracked = tape.record(tensor, [leaf], (gradient) => tape.pass(leaf, gradient));
  const value = loss(tape, tracked, targets, { divisor: 3 });
  tape.backward(value, 0.5);
  const [{ data: [number] }, gradient] = await device.read(value, tape.gradientOf(leaf)!);
  return { value: number, gradient: [...gradient.data] };
}

/** Σ p (log p - log q) / 3, from the definition. */
function plainDivergence(logits: HostTensor, teacher: HostTensor): number {
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const [q, p] = [logits, teacher].map(({ data }) => {
      const exponentials = [...data.subarray(row * width, (row + 1) * width)].map(Math.exp);
      const sum = exponentials.reduce((a, b) => a + b);
      return exponentials.map((value) => value / sum);
    });
    p.forEach((share, j) => total += share * Math.log(share / q[j]));
  }
  return total / 3;
}

function plainSquares(y: HostTensor, targets: HostTensor): number {
  return [...y.data].reduce((sum, value, i) => sum + (value - targets.data[i]) ** 2, 0) / 3;
}

for (
  const [name, loss, plain] of [
    ["klDivergence", klDivergence, plainDivergence],
    ["squaredError", squaredError, plainSquares],
  ] as const
) {
  Deno.test(`${name} is its definition, and its gradient that of finite differences`, async () => {
    using device = new ReferenceDevice();
    const y = normals(1), targets = normals(2), step = 1e-6;
    const { value, gradient } = await differentiate(device, loss, y, targets);
    assertAllClose([value], [plain(y, targets)], { absolute: 1e-12, what: name });
    const slopes = y.data.map((_, at) => {
      const shifted = (by: number) => plain(shift(y, at, by), targets);
      return 0.5 * (shifted(step) - shifted(-step)) / (2 * step);
    });
    assertAllClose(gradient, [...slopes], { absolute: 1e-8, what: `gradient of ${name}` });
  });

  Deno.test(`${name} on the cpu device agrees with the reference, and is 0 at the teacher`, async () => {
    using reference = new ReferenceDevice();
    using cpu = await openCpuDevice({ threads: 1 });
    const round = (x: HostTensor) => hostTensor(x.shape, Float32Array.from(x.data));
    const y = round(normals(1)), targets = round(normals(2));
    const expected = await differentiate(reference, loss, y, targets);
    const found = await differentiate(cpu, loss, y, targets);
    const largest = Math.max(...expected.gradient.map(Math.abs), expected.value);
    assertAllClose([found.value, ...found.gradient], [expected.value, ...expected.gradient], {
      absolute: 1e-6 * Math.max(1, largest),
      what: name,
    });
    const same = await differentiate(cpu, loss, y, y);
    assert(Math.abs(same.value) < 1e-6, `${name} of equals is ${same.value}`);
  });

  Deno.test(`${name} refuses targets of another shape`, async () => {
    using device = new ReferenceDevice();
    const wrong = hostTensor([1, width], new Float64Array(width));
    const error = await assertRejects(
      () => differentiate(device, loss, normals(1), wrong),
      ShapeError,
    );
    assertEquals(error.message.includes(`[1, ${width}]`), true);
  });
}

function shift({ shape, data }: HostTensor, at: number, by: number): HostTensor {
  const moved = data.slice();
  moved[at] += by;
  return hostTensor(shape, moved);
}
