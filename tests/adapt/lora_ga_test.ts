/** LoRA-GA: its start by PyTorch, its first step, what it leaves of the base, and its refusals. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { injectLoraGa, loadAdapter, type LoraAdapter } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { type DenseMatrix, singularValues } from "../../src/linalg/mod.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import type { Batch } from "../../src/train/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import { assertAllClose } from "../support/all_close.ts";
import "../support/open_lapack.ts";
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
import { batchOf, models, type RawBatch, targets } from "./method_batches.ts";

const own: readonly Batch[] = [{
  inputs: { tokens },
  targets: { shape: tokens.shape, data: labels },
}];

const options = { rank: 2, alpha: 6, targetModules: "all-linear" } as const;

/** A row of two matrices is the same but for its sign. */
function assertSameLine(ours: readonly number[], theirs: readonly number[], absolute: number) {
  const dot = ours.reduce((sum, x, i) => sum + x * theirs[i], 0);
  assertAllClose(ours.map((x) => Math.sign(dot) * x), theirs, { relative: 0, absolute });
}

const rowOf = ({ shape: [, width], data }: HostTensor, row: number) =>
  Array.from(data.subarray(row * width, (row + 1) * width));

const columnOf = ({ shape: [rows, width], data }: HostTensor, column: number) =>
  Array.from({ length: rows }, (_, row) => data[row * width + column]);

for (const base of ["gpt2", "llama", "bert"]) {
  Deno.test(`LoRA-GA on ${base} begins at the singular vectors of PEFT's gradients`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden(models[base]));
    const raw = await readJson(golden("methods/batches.json")) as Record<string, RawBatch[]>;
    const wanted = await goldenTensors(`lora_ga/${base}`), given = targets[base];
    const batches = raw[base].map(batchOf), rank = 3;
    using adapter = await injectLoraGa(model, batches, { rank, alpha: 6, targetModules: given });
    let compared = 0;
    for (const { name, A, B } of adapter.sites) {
      const values = wanted.get(`values.${name}`)?.data;
      if (!values) continue;
      const [a, b] = await device.read(A.tensor, B.tensor);
      const size = b.shape[0] ** 0.25 / 4;
      // PyTorch's gradient is off by some 100 roundings, which turns a vector by that over its gap (Wedin 1972).
      const turned = (i: number) => {
        const gap = Math.min(
          ...[i - 1, i + 1].filter((j) => j >= 0 && j < values.length)
            .map((j) => Math.abs(values[i] - values[j])),
        );
        return 2 * size * 100 * 2 ** -24 * values[0] / gap;
      };
      for (let i = 0; i < rank; i++) {
        assertSameLine(rowOf(a, i), rowOf(wanted.get(`A.${name}`)!, i), turned(i));
        const column = columnOf(wanted.get(`B.${name}`)!, i);
        assertSameLine(columnOf(b, i), column, turned(rank + i));
      }
      compared++;
    }
    assert(compared >= 3, `${compared} modules`);
  });
}

Deno.test("LoRA-GA's gradients of A and B hold the best of rank 2r of the weight's, and change no logit", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const base = await logitsOf(model);
  const wholes = await gradientsOf(model);
  using adapter = await injectLoraGa(model, own, options);
  assertAllClose(await logitsOf(model), base, { relative: 1e-12, absolute: 1e-12 });
  using tape = new Tape(device);
  tape.backward(lossOf(tape, model));
  for (const { name, A, B, scaling, linear } of adapter.sites) {
    const G = wholes.get(linear.weight.name)!, c = B.shape[0] ** 0.25 / 4;
    const [a, b] = await Promise.all([A, B].map((one) => valuesOf(tape.gradientOf(one)!)));
    // ∂A = s c U[:, r:2r]ᵀ G and ∂B = s c G V[:, :r] have the singular values r+1 to 2r and 1 to r of G, times s c.
    const all = singularValues(G).map((x) => scaling * c * x);
    const of = (rows: number, columns: number, data: typeof a) =>
      singularValues({ rows, columns, data: Float64Array.from(data) });
    const close = { relative: 0, absolute: 1e-5 * all[0] };
    assertAllClose(of(2, A.shape[1], a), all.slice(2, 4), { ...close, what: `A of ${name}` });
    assertAllClose(of(B.shape[0], 2, b), all.slice(0, 2), { ...close, what: `B of ${name}` });
  }
});

/** The gradients of the linear layers' weights. */
async function gradientsOf(model: TextModel) {
  using tape = new Tape(model.device);
  tape.backward(lossOf(tape, model));
  const found = new Map<string, DenseMatrix>();
  for (const { weight: { name, parameter, shape: [rows, columns] } } of model.linears) {
    const data = Float64Array.from(await valuesOf(tape.gradientOf(parameter!)!));
    found.set(name, { rows, columns, data });
  }
  return found;
}

Deno.test("LoRA-GA is saved as converted LoRA, and removing it leaves the base's bits and flags", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    const base = await logitsOf(model), live = device.ledger.read().live;
    let trained: ArrayLike<number>;
    {
      using adapter: LoraAdapter = await injectLoraGa(model, own, options);
      for (const { A } of adapter.sites) {
        device.write(A.tensor, (await valuesOf(A.tensor)).map((x, i) => x * (1 + i % 3 / 5)));
      }
      trained = await logitsOf(model);
      await adapter.save(folder);
    }
    assertEquals(await logitsOf(model), base);
    assertEquals(device.ledger.read().live, live);
    assert([...model.parameters.values()].every(({ trainable }) => trainable));
    using _ = await loadAdapter(model, folder);
    assertAllClose(await logitsOf(model), trained, { relative: 1e-4, absolute: 1e-5 });
  }));

Deno.test("LoRA-GA refuses what has no gradients or too few directions", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const refused = (batches: readonly Batch[], more: object, message: string) =>
    assertRejects(() => injectLoraGa(model, batches, { ...options, ...more }), RangeError, message);
  await refused([], {}, "LoRA-GA needs batches, found none");
  await refused(own, { gamma: 0 }, "gamma of LoRA-GA must be above 0, found 0");
  await refused(own, { rank: 7 }, "LoRA-GA needs twice the rank of directions, found 12 of rank 7");
  using half = await loadModel(device, golden("gpt2_tiny_f16"), { dtype: "F16" });
  await assertRejects(
    () => injectLoraGa(half, own, options),
    RangeError,
    "LoRA-GA needs weights in F32, found 16 bits on",
  );
});
