import "../support/open_lapack.ts";
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { inActivationMetric, updateSvd } from "../../src/analysis/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Tensor } from "../../src/device/device.ts";
import { secondMoments } from "../../src/inspect/mod.ts";
import { realPlaces } from "../../src/inspect/second_moments.ts";
import { gaussian, symmetricEigen } from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { randomBatches, tinyModel } from "../train/fixtures.ts";

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
      linear.forward = (tape, x) => output = tape.keep(forward(tape, x));
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

Deno.test("centered, it is the covariance of the inputs that the layer gets", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  const name = "transformer.h.1.attn.c_attn", batches = randomBatches(3);
  const rows: number[][] = [];
  for (const { inputs, targets } of batches) {
    let seen: Tensor | undefined;
    const onLinear = (weight: string, input: Tensor) => {
      if (weight === `${name}.weight`) seen = input;
    };
    using tape = new Tape(device, { record: false, onLinear });
    model.forward(tape, inputs);
    const [{ data }] = await device.read(seen!);
    for (const place of realPlaces(targets)) {
      rows.push([...data.subarray(12 * place, 12 * place + 12)]);
    }
  }
  const mean = rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
  const covariance = mean.flatMap((_, i) =>
    mean.map((_, j) =>
      rows.reduce((sum, row) => sum + (row[i] - mean[i]) * (row[j] - mean[j]), 0) / rows.length
    )
  );
  const centered = (await secondMoments(model, [name], batches, { centered: true })).get(name)!;
  assertAllClose(centered.data, covariance, { absolute: 1e-9, relative: 0 });
  const { spread, data } = (await secondMoments(model, [name], batches)).get(name)!;
  assert(data.some((value, at) => Math.abs(value - covariance[at]) > 1e-3));
  const { values } = symmetricEigen({ rows: 12, columns: 12, data });
  const trace = values.reduce((sum, value) => sum + value, 0);
  const squares = values.reduce((sum, value) => sum + value ** 2, 0);
  assertEquals(spread.dimensions, 12);
  assertAlmostEquals(spread.participationRatio, trace ** 2 / squares, 1e-9);
  assertAlmostEquals(spread.firstShare, values[0] / trace, 1e-9);
});

Deno.test("second moments of no token are refused", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  const name = "transformer.h.1.attn.c_attn";
  await assertRejects(() => secondMoments(model, [name], []), RangeError, "found none");
});

Deno.test("a layer that the model does not have is named", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  const error = await assertRejects(() => secondMoments(model, ["h.9"], []), RangeError);
  assertEquals(error.message, "second moments need the path of a linear layer, found h.9");
});
