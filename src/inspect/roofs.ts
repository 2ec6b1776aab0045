/** What a device does at best: the highest speeds of its arithmetic and of its memory. @module */

import { addKernel } from "../../kernels/mod.ts";
import { matrix, multiply } from "../autograd/ops/product.ts";
import { type Device, Scope } from "../device/mod.ts";

/** The speeds that a step is compared with. */
export interface Roofs {
  /** Multiplications and additions a ms, of a square product of 1,024. */
  readonly flops: number;
  /** Bytes a ms, of a sum of two vectors of 32 MiB. */
  readonly bytes: number;
}

const side = 1024, length = 2 ** 23, rounds = 5;

/**
 * Measures the roofs of a device, in a second or so: the best of five products and of five sums.
 *
 * @throws {DeviceError} when it has no room for them, or no clock.
 */
export async function measureRoofs(device: Device): Promise<Roofs> {
  return { flops: await productSpeed(device), bytes: await sumSpeed(device) };
}

async function productSpeed(device: Device): Promise<number> {
  using scope = new Scope(device);
  const [a, b, c] = ["a", "b", "c"].map((label) => ones(scope, [side, side], label));
  const extents = { m: side, n: side, k: side };
  const product = () => multiply(matrix(a), matrix(b), matrix(c), extents);
  return 2 * side ** 3 / await leastTime(device, product);
}

async function sumSpeed(device: Device): Promise<number> {
  using scope = new Scope(device);
  const [a, b, out] = ["a", "b", "out"].map((label) => ones(scope, [length], label));
  const add = () => device.launch(addKernel, { a, b, out }, { size: length });
  return 3 * 4 * length / await leastTime(device, add);
}

function ones(scope: Scope, shape: number[], label: string) {
  const tensor = scope.allocate(shape, "f32", "scratch", label);
  scope.device.write(tensor, new Float32Array(tensor.size).fill(1));
  return tensor;
}

async function leastTime(device: Device, launch: () => void): Promise<number> {
  const { launches } = await device.trace(() => {
    for (let round = 0; round < rounds; round++) launch();
  });
  return Math.min(...launches.map(({ time }) => time));
}
