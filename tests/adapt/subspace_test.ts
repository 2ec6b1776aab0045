/** Random subspaces: P and its transpose, without Π, and what does not fit. `method_cases.ts` has what all methods do. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { injectSubspace, type SubspaceOptions } from "../../src/adapt/mod.ts";
import { projectedOnHost } from "../../src/adapt/subspace/projection.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { type DenseMatrix, singularValues } from "../../src/linalg/mod.ts";
import { loadModel, Perceptron } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import "../support/open_lapack.ts";
import { golden, refusalsOf, valuesOf, withFolder } from "./fixtures.ts";

const normals = (random: Random, length: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, () => random.normal());

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);

/** One more than a power of two, less, and one; layers of fewer weights than a block, and of no whole number of blocks. */
const dimensions = [1, 2, 7, 8, 9, 33, 100];

/** A tensor of random values that the caller disposes. */
function randomTensor(device: Device, shape: Tensor["shape"], random: Random): Tensor {
  const tensor = device.allocate(shape, "f32", "scratch", "random");
  device.write(tensor, normals(random, tensor.size));
  return tensor;
}

/** ⟨P z, W⟩ = ⟨z, Pᵀ W⟩ over all layers, and P z is what the transforms in float64 find. */
async function checkProjection(device: Device, epsilon: number, dimension: number): Promise<void> {
  using model = Perceptron.init(device, { widths: [7, 11, 3], biases: true }, 1);
  const targetModules = ["layers.0", "layers.1"], random = new Random(2);
  using adapter = injectSubspace(model, { dimension, seed: 4, targetModules });
  const z = normals(random, dimension), facts = { dimension, seed: 4, rows: 7 * 11 + 11 * 3 };
  device.write(adapter.parameters[0].tensor, z);
  using dz = device.allocate([dimension], "f32", "scratch", "Pᵀ W");
  let forward = 0;
  for (const [layer, { projection, linear }] of adapter.sites.entries()) {
    const { shape } = linear.weight;
    using W = randomTensor(device, shape, random);
    using out = device.allocate(shape, "f32", "scratch", "P z");
    projection.writeTo(out, adapter.parameters[0].tensor, 0);
    const close = { absolute: 50 * epsilon, relative: 0, what: `P z of layer ${layer}` };
    const exact = projectedOnHost(facts, layer, W.size, z);
    assertAllClose(await valuesOf(out), exact, close);
    projection.addGradient(W, dz, layer > 0 ? 1 : 0);
    forward += dot(exact, await valuesOf(W));
  }
  const back = dot(z, await valuesOf(dz));
  assertAllClose([back], [forward], { absolute: 500 * epsilon, relative: 0, what: "⟨z, Pᵀ W⟩" });
}

await testOn(
  coreDevices,
  dimensions.map((dimension) => ({
    name: `P of ${dimension} columns and its transpose are each other's adjoint`,
    run: (device, epsilon) => checkProjection(device, epsilon, dimension),
  })),
);

/** Extents of P in the comparison: blocks of 32 rows, of whose columns some are cut off. */
const rows = 512, columns = 24, n = 32;

/** P, entry by entry. */
function entriesOfP(seed: number): DenseMatrix {
  const data = new Float64Array(rows * columns), facts = { dimension: columns, seed, rows };
  for (let column = 0; column < columns; column++) {
    const unit = Float32Array.from({ length: columns }, (_, i) => Number(i === column));
    projectedOnHost(facts, 0, rows, unit).forEach((value, row) => {
      data[row * columns + column] = value;
    });
  }
  return { rows, columns, data };
}

/** Hadamard's matrix of n rows, by definition. */
const H = Array.from({ length: n * n }, (_, at) => {
  const shared = Math.floor(at / n) & at % n;
  return shared.toString(2).replaceAll("0", "").length % 2 ? -1 : 1;
});

/** The same form with Fastfood's permutation: s H G Π H B, by definition. */
function entriesWithPermutation(seed: number): DenseMatrix {
  const random = new Random(seed), data = new Float64Array(rows * columns);
  for (let block = 0; block < rows / n; block++) {
    const order = random.permutation(n), G = normals(random, n);
    const signs = Array.from({ length: n }, () => random.integer(2) ? 1 : -1);
    for (let at = 0; at < n * columns; at++) {
      const row = Math.floor(at / columns), column = at % columns;
      let sum = 0;
      for (let t = 0; t < n; t++) sum += H[row * n + t] * G[t] * H[order[t] * n + column];
      data[block * n * columns + at] = sum * signs[column] / Math.sqrt(n * rows);
    }
  }
  return { rows, columns, data };
}

/** Mean and standard error of the mean. */
function meanOf(values: readonly number[]): [mean: number, error: number] {
  const count = values.length, mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, Math.sqrt(squares / (count * (count - 1)))];
}

/** Readings of the singular values of a P. */
const readings: Readonly<Record<string, (values: Float64Array) => number>> = {
  largest: (values) => values[0],
  smallest: (values) => values[columns - 1],
  spread: (values) => dot(values.map((value) => value ** 2 - 1), values.map((x) => x ** 2 - 1)),
};

Deno.test("without its permutation P has the singular values that it has with it, of mean square 1", () => {
  const seeds = Array.from({ length: 30 }, (_, i) => i + 1);
  const [without, withIt] = [entriesOfP, entriesWithPermutation].map((entries) =>
    seeds.map((seed) => singularValues(entries(seed)))
  );
  for (const [name, read] of Object.entries(readings)) {
    const [[one, error], [other, otherError]] = [without, withIt].map((all) =>
      meanOf(all.map(read))
    );
    const bound = 3 * Math.hypot(error, otherError);
    assert(Math.abs(one - other) < bound, `${name}: ${one}, with Π ${other}, bound ${bound}`);
  }
  const [square, error] = meanOf(without.map((values) => dot(values, values) / columns));
  assert(Math.abs(square - 1) < 3 * error, `mean square ${square}, error ${error}`);
});

Deno.test("the bytes of P are two values for each row, and the dry device counts them", () => {
  using device = new DryDevice();
  const shape = { widths: [784, 200, 200, 10], biases: true };
  using model = Perceptron.init(device, shape, 1);
  const targetModules = ["layers.0", "layers.1", "layers.2"], before = device.ledger.read().live;
  using adapter = injectSubspace(model, { dimension: 750, targetModules });
  const blocks = 154 + 40 + 2; // of 1,024 rows each
  const values = 2 * 1024 * blocks + 32 * 32 + 1024 + 750;
  assertEquals(device.ledger.read().live - before, 4 * values);
  assertEquals(adapter.parameters.map(({ size }) => size), [750]);
});

const unfit: readonly (readonly [SubspaceOptions, string])[] = [
  [
    { targetModules: ["wte"] },
    "a random subspace needs linear layers, found the embedding transformer.wte",
  ],
  [{ dimension: 0 }, "dimension must be a whole number of at least 1, found 0"],
  [{ dimension: 1.5 }, "dimension must be a whole number of at least 1, found 1.5"],
];

for (const [options, message] of unfit) {
  Deno.test(`count and adapter refuse ${JSON.stringify(options)}`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("gpt2_tiny"));
    assertThrows(() => injectSubspace(model, options), RangeError, message);
    const counted = () => countModules(model.architecture, { kind: "subspace", ...options });
    assertThrows(counted, RangeError, message);
    assertEquals(model.adapters.size, 0);
  });
}

Deno.test("a folder without what P is drawn from, or of other layers, is refused, loaded and merged", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("gpt2_tiny"));
    const { refused } = await refusalsOf("methods/gpt2_subspace", folder, model);
    await refused("scale must be null, false or empty", { scale: 2 });
    await refused("seed must be a whole number in [0, 2^32), found -1", { seed: -1 });
    await refused("seed must be a whole number in [0, 2^32), found nothing", { seed: undefined });
    await refused("dimension must be an integer of at least 1", { dimension: null });
    await refused("subspace.z must", { dimension: 21 });
    await refused("subspace.z must", {}, new Map());
    await refused("c_other", { target_modules: ["transformer.h.0.attn.c_other"] });
  }));
