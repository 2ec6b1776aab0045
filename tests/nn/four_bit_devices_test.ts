/** Weights in 4 bits beside their dequantized values in F32. */

import { assertEquals, assertThrows } from "@std/assert";
import { evaluateFormula } from "../../src/accounting/mod.ts";
import { injectBottleneck, injectLora, injectPrefixTuning } from "../../src/adapt/mod.ts";
import { Parameter, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { HostData, HostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { Scope } from "../../src/device/arena.ts";
import type { Gpt2 } from "../../src/models/mod.ts";
import { DenseWeight, FourBitWeight, type Weight } from "../../src/nn/mod.ts";
import { dequantize, quantize, type QuantizeOptions } from "../../src/quant/mod.ts";
import {
  assertLearns,
  logitsOf,
  lossOf,
  tinyModel,
  tokens,
  trainedLora,
} from "../adapt/fixtures.ts";
import { assertAllClose } from "../support/all_close.ts";
import { whileNarrow } from "../support/narrow.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { modelIn } from "./fixtures.ts";

/** Every form of scales and both codes. */
const forms: readonly QuantizeOptions[] = [
  {},
  { doubleQuantization: false },
  { code: "fp4", blockSize: 32 },
];

function normal(seed: number, ...shape: number[]): HostTensor {
  const random = new Random(seed), size = shape.reduce((product, extent) => product * extent, 1);
  return { shape, data: Float32Array.from({ length: size }, () => random.normal()) };
}

function place(scope: Scope, { shape, data }: HostTensor): Tensor {
  const tensor = scope.allocate(shape, "f32", "activation", "given");
  scope.device.write(tensor, data);
  return tensor;
}

/** Forward, with a bias and a low-rank term too, and the gradient of the input, also added to another. */
async function products(device: Device, weight: Weight, m: number): Promise<HostData[]> {
  const [n, k] = weight.shape;
  using scope = new Scope(device);
  const given = [[m, k], [n], [m, 2], [n, 2], [2, k], [m, n], [m, k]];
  const [x, bias, hidden, B, A, dy, added] = given.map((shape, i) =>
    place(scope, normal(i + 4, ...shape))
  );
  const [plain, whole, into] = [[m, n], [m, n], [m, k]].map((shape) =>
    place(scope, { shape, data: new Float32Array(shape[0] * shape[1]).fill(NaN) })
  );
  weight.multiply(x, plain);
  weight.multiply(x, whole, bias, { hidden, factor: B });
  weight.multiplyTransposed(dy, { tensor: into, accumulate: 0 });
  weight.multiplyTransposed(dy, { tensor: added, accumulate: 1 }, { hidden, factor: A });
  return (await device.read(plain, whole, into, added)).map(({ data }) => data);
}

const shapes: readonly (readonly [out: number, width: number])[] = [
  [1, 1],
  [5, 33],
  [130, 64],
  [7, 2050],
];

const close = { relative: 1e-6, absolute: 1e-6 };

/** Logits, and the gradients of an adapter's parameters. */
async function step(model: Gpt2, adapter: { parameters: Iterable<Parameter> } & Disposable) {
  const { device } = model;
  using _ = adapter;
  const logits = await logitsOf(model, { tokens });
  using tape = new Tape(device);
  tape.backward(lossOf(tape, model));
  const gradients = Array.from(adapter.parameters, (parameter) => tape.gradientOf(parameter)!);
  return [logits, ...(await device.read(...gradients)).map(({ data }) => data)];
}

const properties: readonly Check[] = [
  {
    name: "products of few and of many rows are those of the dequantized weight",
    async run(device, epsilon) {
      for (const form of forms) {
        for (const shape of shapes) {
          const quantized = quantize(normal(3, ...shape), form), values = dequantize(quantized);
          using scope = new Scope(device);
          const weight = FourBitWeight.of(scope, "W", quantized);
          const dense = new DenseWeight(new Parameter("W", place(scope, values)));
          assertEquals(weight.shape, shape);
          for (const m of [1, 2, 3, 40]) {
            const [own, expected] = [
              await products(device, weight, m),
              await products(device, dense, m),
            ];
            // The reference device does not round the dequantized values: one part in 2^24 of each.
            const relative = 2 ** -22 + epsilon * shape[1];
            own.forEach((data, i) =>
              assertAllClose(data, expected[i], { relative, absolute: 16 * relative })
            );
            // Where W becomes F32 first, the products are those of F32.
            if (device.kind === "cpu" && m > 2) assertEquals(own, expected);
          }
        }
      }
    },
  },
  {
    name: "a weight that is bound, and made F32, part by part has the same products",
    run: (device, epsilon) =>
      // A quarter of a MiB: 64 of its rows in F32, and not all of its codes.
      whileNarrow(device, 2 ** 18, async (few) => {
        const quantized = quantize(normal(3, 700, 1000)), values = dequantize(quantized);
        using scope = new Scope(few);
        const weight = FourBitWeight.of(scope, "W", quantized);
        const dense = new DenseWeight(new Parameter("W", place(scope, values)));
        for (const m of [1, 3]) {
          const [own, expected] = [await products(few, weight, m), await products(few, dense, m)];
          const relative = 2 ** -22 + epsilon * 1000;
          own.forEach((data, i) =>
            assertAllClose(data, expected[i], { relative, absolute: 16 * relative })
          );
        }
        using copy = weight.dense();
        const [{ data }] = await few.read(copy);
        assertAllClose(data, values.data, { relative: 2 ** -22, absolute: 0 });
      }),
  },
  {
    name: "its copy in F32 has the dequantized values, and rows are looked up in it",
    async run(device) {
      for (const form of forms) {
        const quantized = quantize(normal(5, 19, 70), form), { data } = dequantize(quantized);
        using scope = new Scope(device);
        const weight = FourBitWeight.of(scope, "W", quantized);
        using dense = weight.dense();
        const ids = scope.allocate([3], "u32", "activation", "ids");
        device.write(ids, Uint32Array.of(18, 0, 7));
        const out = scope.allocate([3, 70], "f32", "activation", "rows");
        weight.lookUp(ids, out);
        const [copy, rows] = await device.read(dense, out);
        const expected = [18, 0, 7].flatMap((row) => [...data.subarray(70 * row, 70 * row + 70)]);
        // Only `cpu` rounds a scale as bitsandbytes does: `reference` not at all, `webgpu` may fuse its sum.
        const relative = device.kind === "cpu" ? 0 : 2 ** -22;
        assertAllClose(copy.data, data, { relative, absolute: 0 });
        assertAllClose(rows.data, Float32Array.from(expected), { relative, absolute: 0 });
      }
    },
  },
  {
    name: "adapters of every kind have the logits and gradients of the dequantized base",
    async run(device) {
      using base = tinyModel(device);
      const adapters = [
        (model: Gpt2) => trainedLora(model, { sites: ["q", "v"] }),
        (model: Gpt2) => trainedLora(model, { targetModules: "all-linear" }),
        (model: Gpt2) => injectBottleneck(model, { size: 2, seed: 1 }),
        (model: Gpt2) => injectPrefixTuning(model, { length: 2, seed: 1 }),
      ];
      for (const inject of adapters) {
        using dense = await modelIn(base, {}, false);
        using model = await modelIn(base, {}, true);
        const expected = await step(dense, inject(dense)), own = await step(model, inject(model));
        assertEquals(own.length, expected.length);
        own.forEach((values, i) => assertAllClose(values, expected[i], close));
      }
    },
  },
  {
    name: "an adapter trains on it, its codes do not change, and nothing stays behind",
    async run(device) {
      using base = tinyModel(device);
      using model = await modelIn(base, {}, true);
      const before = await logitsOf(model), { live } = device.ledger.read();
      {
        using _ = injectLora(model, { rank: 2, sites: "all", seed: 1 });
        await assertLearns(model);
      }
      assertEquals(await logitsOf(model), before);
      assertEquals(device.ledger.read().live, live);
    },
  },
  {
    name: "its bytes are the formula's and its tables', on the dry device too",
    run(device) {
      for (const shape of shapes) {
        const sizes = { P_q: shape[0] * shape[1], B_q: 64 };
        for (const [doubleQuantization, name, tables] of bytesOfForms) {
          const letters = doubleQuantization ? { ...sizes, B_s: 256 } : sizes;
          const expected = Number(evaluateFormula(name, letters)) + tables;
          for (const on of [device, new DryDevice()]) {
            const { live } = on.ledger.read();
            const quantized = quantize(normal(1, ...shape), { doubleQuantization });
            using scope = new Scope(on);
            const weight = FourBitWeight.of(scope, "W", quantized);
            assertEquals(weight.bytes, expected);
            assertEquals(on.ledger.read().byRole.quantized, expected);
            assertEquals(on.ledger.read().live - live, expected);
          }
          assertEquals(device.ledger.read().byRole.quantized, 0);
        }
      }
    },
  },
  {
    name: "another form, another shape and a tensor of three axes are refused",
    run(device) {
      using scope = new Scope(device);
      const weight = FourBitWeight.of(scope, "W", quantize(normal(1, 4, 32)));
      assertThrows(
        () => weight.write(quantize(normal(1, 4, 32), { blockSize: 32 })),
        RangeError,
        "W must be stored as nf4 in blocks of 64 with scales in 8 bits, " +
          "found nf4 in blocks of 32 with scales in 8 bits",
      );
      assertThrows(
        () => weight.write(quantize(normal(1, 4, 32), { doubleQuantization: false })),
        RangeError,
        "found nf4 in blocks of 64 with scales in F32",
      );
      assertThrows(() => weight.write(quantize(normal(1, 32, 4))), ShapeError, "W must have shape");
      assertThrows(
        () => FourBitWeight.of(scope, "W", quantize(normal(1, 2, 3, 4))),
        ShapeError,
        "W must have two axes, found [2, 3, 4]",
      );
    },
  },
];

/** True for scales in 8 bits, the formula of the form's bytes, and the bytes of its codes. */
const bytesOfForms = [
  [false, "frozenBytesNf4", 4 * 16],
  [true, "frozenBytesNf4Double", 4 * (16 + 256)],
] as const;

await testOn(allDevices, properties);
