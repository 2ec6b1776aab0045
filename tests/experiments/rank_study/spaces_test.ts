import "../../support/open_lapack.ts";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { inActivationMetric, updateSvd } from "../../../src/analysis/mod.ts";
import { injectLora } from "../../../src/adapt/mod.ts";
import { Tape } from "../../../src/autograd/mod.ts";
import { Random } from "../../../src/core/random.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { realPlaces, secondMoments } from "../../../experiments/rank_study/second_moment.ts";
import { chanceGrid, meanOverSites } from "../../../experiments/rank_study/similarities.ts";
import {
  gaussianControl,
  gaussianUpdate,
  meanGrid,
  metricOf,
  spaces,
} from "../../../experiments/rank_study/spaces.ts";
import { startingPoint } from "../../../experiments/rank_study/study.ts";
import { gaussian, identity, multiplyTransposed } from "../../../src/linalg/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import { randomBatches, tinyModel } from "../../train/fixtures.ts";

Deno.test("a tape tells of every linear layer's input in the order of the forward pass", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  const [{ inputs }] = randomBatches(1), seen: [string, readonly number[]][] = [];
  using tape = new Tape(device, {
    record: false,
    onLinear: (name, { shape }) => seen.push([name, shape]),
  });
  model.forward(tape, inputs);
  const names = model.linears.map(({ weight }) => weight.name);
  assertEquals(seen.map(([name]) => name), [...names, "transformer.wte.weight"]);
  assertEquals(seen.map(([, shape]) => shape[1]), [12, 12, 12, 48, 12, 12, 12, 48, 12]);
});

Deno.test("the second moment of a layer's inputs is what its outputs say, padding left out", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  const name = "transformer.h.1.attn.c_attn", batches = randomBatches(2);
  // A row of padding must not count: its targets are all below zero.
  batches[1].targets.data.fill(-100, 5);
  const moment = (await secondMoments(model, [name], batches)).get(name)!;
  // E ‖ΔW x‖² by the layer's own arithmetic: a site's change of the outputs.
  const linear = model.linears.find((one) => one.name === name)!;
  using adapter = injectLora(model, { rank: 3, alpha: 3, sites: [name], seed: 2 });
  const B = Float32Array.from(gaussian(36, 3, new Random(5)).data);
  device.write(adapter.sites[0].B.tensor, B);
  let square = 0, count = 0;
  for (const { inputs, targets } of batches) {
    const seen: Float64Array[] = [];
    for (const scale of [1, 0]) {
      device.write(adapter.sites[0].B.tensor, B.map((value) => scale * value));
      using tape = new Tape(device, { record: false });
      let output;
      const forward = linear.forward.bind(linear);
      linear.forward = (tape, x) => output = forward(tape, x);
      model.forward(tape, inputs);
      linear.forward = forward;
      seen.push(Float64Array.from((await device.read(output!))[0].data));
    }
    for (const place of realPlaces(targets)) {
      for (let i = 36 * place; i < 36 * (place + 1); i++) square += (seen[0][i] - seen[1][i]) ** 2;
      count++;
    }
  }
  assertEquals(count, 4 + 4 + 4);
  device.write(adapter.sites[0].B.tensor, B);
  const [factors] = await adapter.read();
  const { values } = updateSvd(inActivationMetric(factors, { secondMoment: moment }));
  const expected = values.reduce((sum, value) => sum + value ** 2, 0);
  assertAlmostEquals(square / count, expected, 1e-4 * expected);
});

Deno.test("the metric of S gives what S itself gives", () => {
  const random = new Random(1), X = gaussian(20, 6, random);
  const rows = { rows: 20, columns: 6, data: Float64Array.from(X.data) };
  const columns = { rows: 6, columns: 20, data: new Float64Array(120) };
  for (let i = 0; i < 120; i++) columns.data[(i % 6) * 20 + Math.floor(i / 6)] = rows.data[i];
  const S = multiplyTransposed(columns, columns), update = gaussianUpdate(6, 3, random);
  const [ours, theirs] = [metricOf(S), { secondMoment: S }]
    .map((metric) => updateSvd(inActivationMetric(update, metric)));
  assertAllClose(ours.values, theirs.values, { relative: 1e-12 });
  const overlap = multiplyTransposed(ours.left, theirs.left).data;
  assertAllClose(overlap.map(Math.abs), identity(3).data, { absolute: 1e-10 });
});

Deno.test("Gaussian updates lie on max(i, j) / d in A, and above it where inputs have few directions", () => {
  const flat = metricOf(identity(64)),
    steep = metricOf({
      ...identity(64),
      data: identity(64).data.map((value, at) => value / (1 + at % 64) ** 2),
    });
  const chance = chanceGrid(4, 16, 64), control = gaussianControl(spaces.A, flat, [4, 16], 1);
  assertAllClose(control.flat(), chance.flat(), { relative: 0, absolute: 0.05 });
  const seen = gaussianControl(spaces.metric, steep, [4, 16], 1);
  assert(seen[3][3] > 4 * chance[3][3], `φ(4, 4) is ${seen[3][3]}`);
  assertEquals(control, gaussianControl(spaces.A, flat, [4, 16], 1));
});

Deno.test("a mean of grids covers what all of them have", () => {
  assertEquals(meanGrid([[[1, 2], [3, 4]], [[3, 4]]]), [[2, 3]]);
});

Deno.test("at step 0 φ is chance with different seeds and 1 with equal ones", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const small = await startingPoint({ device }, 8, 1);
  const different = meanOverSites(small, await startingPoint({ device }, 64, 11));
  const equal = meanOverSites(small, await startingPoint({ device }, 64, 1));
  assertAlmostEquals(different[7][63], 64 / 256, 0.03);
  assertAlmostEquals(equal[7][63], 1, 1e-9);
});
