import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora, injectOlora, injectPissa, loadAdapter, merge } from "../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { frobeniusNorm, orthonormalRows, singularValues } from "../../src/linalg/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { allocateMethod } from "../../src/runs/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import "../support/open_lapack.ts";
import { assertGradients } from "../support/finite_differences.ts";
import {
  golden,
  goldenTensors,
  labels,
  logitsOf,
  lossOf,
  tinyModel,
  tokens,
  valuesOf,
  withFolder,
} from "./fixtures.ts";

const options = { rank: 2, alpha: 6, targetModules: "all-linear" } as const;

Deno.test("a Gaussian start has the standard deviation 1 / r, and another stream for each site", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, { rank: 4, sites: "all", init: "gaussian", seed: 5 });
  const values = await adapter.read(), all = values.flatMap(({ A }) => [...A.data]);
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  const deviation = Math.sqrt(all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length);
  // Four standard errors: 1 / √n of the mean and 1 / √(2n) of the deviation, in units of 1 / r.
  assert(Math.abs(mean) < 4 / 4 / Math.sqrt(all.length), `mean ${mean}`);
  assert(Math.abs(deviation - 0.25) < 4 / 4 / Math.sqrt(2 * all.length), `deviation ${deviation}`);
  assertEquals(new Set(values.map(({ A }) => A.data[0])).size, values.length);
  assert(values.every(({ B }) => B.data.every((value) => value === 0)));
  assertThrows(
    () => injectLora(model, { rank: 4, init: "pissa" as "gaussian", onTop: true }),
    RangeError,
    'init must be one of kaiming, gaussian, orthonormal, found "pissa"',
  );
});

Deno.test("an orthonormal start has rows of norm 1/√3 at right angles, those of a lower rank first", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const draw = async (rank: number, seed: number) => {
    const options = { rank, sites: ["up"], init: "orthonormal", seed, onTop: true } as const;
    using adapter = injectLora(model, options);
    const read = await adapter.read();
    return read.map(({ A: { shape, data } }) => ({ shape, data: Float64Array.from(data) }));
  };
  const all = await draw(12, 5), few = await draw(3, 5), other = await draw(12, 6);
  for (const [i, { shape: [rank, width], data }] of all.entries()) {
    const products = Array.from({ length: rank * rank }, (_, at) => {
      const [row, column] = [Math.floor(at / rank), at % rank].map((r) => r * width);
      return data.subarray(row, row + width).reduce((sum, x, k) => sum + x * data[column + k], 0);
    });
    const wanted = products.map((_, at) => at % (rank + 1) === 0 ? 1 / 3 : 0);
    // Each of the 12 terms is rounded once, to half of 2^-23 of at most 1/√3.
    assertAllClose(products, wanted, { absolute: 12 * 2 ** -23, relative: 0 });
    assertEquals([...few[i].data], [...data.subarray(0, 3 * width)]);
    assert(data.some((value, k) => value !== other[i].data[k]));
  }
});

Deno.test("the space of an orthonormal start favors no input", () => {
  const random = new Random(8), draws = 3000, sums = new Float64Array(5);
  for (let draw = 0; draw < draws; draw++) {
    orthonormalRows(2, 5, random).data.forEach((value, at) =>
      sums[at % 5] += value * value / draws
    );
  }
  // x² + y² of two rows in five dimensions is Beta(1, 3/2): mean 2/5, variance 0.0686; five standard errors.
  for (const sum of sums) assert(Math.abs(sum - 2 / 5) < 5 * Math.sqrt(0.0686 / draws), `${sum}`);
});

Deno.test("PiSSA begins at the best approximation of the weight, and at PEFT's", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const starts = await goldenTensors("adapters/pissa");
  using adapter = await injectPissa(model, { rank: 3, alpha: 6, targetModules: "all-linear" });
  let compared = 0;
  for (const { name, linear, A, B, scaling } of adapter.sites) {
    const [a, b, weight] = await device.read(A.tensor, B.tensor, linear.weight.dense());
    const start = deltaWeight({ A: a, B: b, scaling }), [rows, columns] = start.shape;
    const rest = weight.data.map((value, i) => value - start.data[i]);
    const values = singularValues({ rows, columns, data: Float64Array.from(weight.data) });
    const error = frobeniusNorm({ rows, columns, data: Float64Array.from(rest) });
    // Eckart and Young: what is left is the tail of the spectrum.
    assertAllClose([error], [Math.hypot(...values.slice(3))], { relative: 1e-6, absolute: 0 });
    const wanted = starts.get(`start.${name}`);
    if (!wanted) continue;
    // PEFT decomposes in F32, off by √n ε σ₁, which turns the directions by that over the gap (Wedin 1972).
    const turn = Math.sqrt(rows) * 2 ** -24 * values[0] / (values[2] - values[3]);
    assertAllClose(start.data, wanted.data, { relative: 0, absolute: 2 * turn * values[0] });
    compared++;
  }
  assertEquals(compared, 4);
});

Deno.test("OLoRA begins at Q[:, :r] R[:r, :] of the weight, with orthonormal B, and at PEFT's", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("families/llama3_tied"));
  const folder = golden("state_dicts/llama/lora_olora_conversion");
  const converted = (await readAdapter(folder)).updates;
  using adapter = await injectOlora(model, { rank: 8, targetModules: ["q_proj", "v_proj"] });
  assertEquals(adapter.sites.length, converted.length);
  for (const { name, A, B, scaling, linear } of adapter.sites) {
    const [a, b, weight] = await device.read(A.tensor, B.tensor, linear.weight.dense());
    const { A: both, B: pair } = converted.find(({ module }) => module === name)!;
    // The converted file holds [B, -B0] and [A; A0].
    const half = { shape: a.shape, data: both.data.subarray(a.data.length) };
    const columns = pair.data.filter((_, at) => at % 16 >= 8).map((value) => -value);
    const [ours, peft] = [{ A: a, B: b, scaling }, {
      A: half,
      B: { shape: b.shape, data: columns },
      scaling: 1,
    }].map(deltaWeight);
    // PEFT decomposes in F32: Householder's backward error is a few n ε ‖W‖ (Higham 2002, theorem 19.4).
    const absolute = 4 * weight.shape[1] * 2 ** -24 * Math.hypot(...weight.data);
    assertAllClose(ours.data, peft.data, { relative: 0, absolute });
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j <= i; j++) {
        let dot = 0;
        for (let row = 0; row < b.shape[0]; row++) dot += b.data[row * 8 + i] * b.data[row * 8 + j];
        assertAllClose([dot], [Number(i === j)], { relative: 0, absolute: 1e-6 });
      }
    }
  }
});

for (const [name, inject] of [["PiSSA", injectPissa], ["OLoRA", injectOlora]] as const) {
  Deno.test(`${name} changes no logit at first, and is saved as converted LoRA of rank 2r`, () =>
    withFolder(async (folder) => {
      using device = new ReferenceDevice();
      using model = tinyModel(device);
      const base = await logitsOf(model), live = device.ledger.read();
      {
        using adapter = await inject(model, options);
        assertAllClose(await logitsOf(model), base, { relative: 1e-12, absolute: 1e-12 });
        for (const { A, B } of adapter.sites) {
          for (const { tensor } of [A, B]) {
            device.write(
              tensor,
              (await valuesOf(tensor)).map((value, i) => value * (1 + i % 3 / 5)),
            );
          }
        }
        const adapted = await logitsOf(model);
        await adapter.save(folder);
        assertEquals((await readAdapter(folder)).updates.map(({ A }) => A.shape[0]), [
          ...[4, 4, 4, 4],
          ...[4, 4, 4, 4],
        ]);
        using merged = merge(model, adapter);
        assertAllClose(await logitsOf(merged), adapted, { relative: 1e-12, absolute: 1e-12 });
        adapter.remove();
        assertEquals(await logitsOf(model), base);
        using _ = await loadAdapter(model, folder);
        assertAllClose(await logitsOf(model), adapted, { relative: 1e-6, absolute: 1e-6 });
      }
      const { byRole, padding } = device.ledger.read();
      assertEquals([byRole, padding], [live.byRole, live.padding]);
    }));

  Deno.test(`gradients of ${name} equal finite differences, and its start values have none`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = await inject(model, options);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    await assertGradients(device, adapter.parameters, (tape) => lossOf(tape, model));
    using tape = new Tape(device);
    tape.backward(crossEntropy(tape, model.forward(tape, { tokens }), labels));
    assert(adapter.starts.every(({ A, B }) => !tape.gradientOf(A) && !tape.gradientOf(B)));
  });
}

Deno.test("PiSSA needs a positive scaling and trains A and B alone", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const negative = () => injectPissa(model, { ...options, alpha: -1 });
  await assertRejects(negative, RangeError, "PiSSA needs a positive scaling, found -0.5");
  const other = { ...options, dora: true };
  await assertRejects(() => injectPissa(model, other), TypeError, "dora");
  const table = () => injectOlora(model, { rank: 2, targetModules: ["wte"] });
  const words = "injectOlora needs linear layers, found the embedding transformer.wte";
  await assertRejects(table, RangeError, words);
  const spec = { kind: "lora", init: "olora", rank: 2, targetModules: ["wte"] } as const;
  assertThrows(() => allocateMethod(model, spec, 0), RangeError, "needs linear layers");
});
