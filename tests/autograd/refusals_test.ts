import { assertEquals, assertThrows } from "@std/assert";
import { attentionBackward, attentionForward, type Kernel } from "../../kernels/mod.ts";
import {
  add,
  attention,
  crossEntropy,
  dropout,
  embedding,
  fusedInputs,
  gelu,
  layerNorm,
  linear,
  padRows,
  padSequences,
  Parameter,
  rmsNorm,
  rotary,
  rotaryPart,
  swiglu,
  Tape,
  unpadRows,
} from "../../src/autograd/mod.ts";
import { adaptedLinear } from "../../src/autograd/ops/low_rank.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { sizeOf } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";

function parameter(device: Device, name: string, shape: readonly number[]): Parameter {
  const tensor = device.allocate(shape, "f32", "weight", name);
  device.write(tensor, new Float32Array(sizeOf(shape)).fill(1));
  return new Parameter(name, tensor);
}

/** Kernels trust their extents: on the cpu device a wrong one reads and writes other tensors. */
Deno.test("operations refuse operands that do not fit, by name and both shapes", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device);
  const make = (name: string, ...shape: number[]) => parameter(device, name, shape);
  const x = tape.activation([2, 4], "x"), qkv = tape.activation([4, 12], "qkv");
  const wide = make("w", 6, 4), tall = make("A", 2, 4);
  const site = (A: Parameter, B: Parameter, start: number) => {
    const rows = { start, count: B.shape[0] };
    return () => adaptedLinear(tape, x, wide, undefined, [{ A, B, rows, scaling: 1, dropout: 0 }]);
  };
  const fused = fusedInputs(qkv), mask = tape.allocate([1, 3], "u32", "activation", "mask");
  const options = { batch: 1, time: 4, heads: 2, causal: true, mask };
  const rotated = (width: number, heads: number, angles = 4, tokens = 4) => () => {
    const table = tape.activation([7, angles], "table");
    const positions = tape.allocate([tokens], "u32", "activation", "positions");
    return rotary(tape, { tensor: qkv, offset: 4, width }, table, positions, heads);
  };
  const rotatedPart = (angles: number, tokens = 8) => () => {
    const table = tape.activation([7, angles], "table");
    const positions = tape.allocate([tokens], "u32", "activation", "positions");
    return rotaryPart(tape, qkv, table, positions, { heads: 2, parts: 3, part: 1 });
  };
  const grouped = (width: number) => {
    const k = { tensor: qkv, offset: 4, width };
    return { q: { tensor: qkv, width: 4 }, k, v: { ...k, offset: 8 } };
  };
  const apart = padSequences(tape, [1, 2]);
  const wrong: [() => unknown, string][] = [
    [
      rotatedPart(4),
      "rotating 4 columns of a head needs an even number in columns of 2 heads of 3, found [4, 12]",
    ],
    [rotatedPart(1), "rotating 1 columns of a head needs an even number"],
    [rotatedPart(2, 4), "the positions of heads must have shape [8], found [4]"],
    [
      () => layerNorm(tape, x, make("g", 3), make("b", 4), 1e-5),
      "g must have shape [4], found [3]",
    ],
    [
      () => layerNorm(tape, x, make("g", 4), make("b", 5), 1e-5),
      "b must have shape [4], found [5]",
    ],
    [() => rmsNorm(tape, x, make("g", 3), 1e-5), "g must have shape [4], found [3]"],
    [() => rmsNorm(tape, x, make("g", 2), 1e-5), "g must have shape [4], found [2]"],
    [() => rmsNorm(tape, x, make("g", 4), 1e-5, 2), "g must have shape [2], found [4]"],
    [() => swiglu(tape, x, qkv), "what is gated must have shape [2, 4], found [4, 12]"],
    [rotated(9, 3), "what is rotated must be columns of 4 rows, found 9 from 4 of [4, 12]"],
    [rotated(6, 2), "rotating 2 heads needs an even width of each, found 6 in all"],
    [rotated(8, 2, 2), "the rotary table must have shape [7, 4], found [7, 2]"],
    [rotated(8, 2, 4, 3), "the positions must have shape [4], found [3]"],
    [() => linear(tape, x, wide, make("b", 4)), "b must have shape [6], found [4]"],
    [site(make("A", 2, 3), make("B", 3, 2), 0), "A must have shape [2, 4], found [2, 3]"],
    [site(tall, make("B", 3, 1), 0), "B must have shape [3, 2], found [3, 1]"],
    [site(tall, make("B", 3, 2), 4), "within the weight's 6, found 3 from row 4"],
    [() => padRows(tape, x, apart), "packed rows must have shape [3, 4], found [2, 4]"],
    [() => unpadRows(tape, x, apart), "padded rows must have shape [4, 4], found [2, 4]"],
    [() => attention(tape, fused, options), "mask must have shape [1, 4], found [1, 3]"],
    [
      () => attention(tape, { ...fused, v: { tensor: qkv, offset: 9, width: 4 } }, options),
      "v of 1 x 4 tokens must be columns of 4 rows, found 4 from 9 of [4, 12]",
    ],
    [
      () => attention(tape, { ...fused, q: { tensor: x, width: 4 } }, options),
      "q of 1 x 4 tokens must be columns of 4 rows, found 4 from 0 of [2, 4]",
    ],
    [
      () => attention(tape, { ...fused, k: { tensor: qkv, width: 2 } }, options),
      "in k and v a number that divides it, found 4, 2 and 4 columns",
    ],
    [
      () => attention(tape, grouped(3), { ...options, heads: 4 }),
      "attention with 4 heads needs as many in q, and in k and v a number that divides it, " +
      "found 4, 3 and 3 columns",
    ],
    [() => attention(tape, fused, { ...options, heads: 3 }), "attention with 3 heads needs"],
  ];
  for (const [act, message] of wrong) assertThrows(act, ShapeError, message);
});

Deno.test("gelu refuses an option that does not exist", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device);
  const options = { approximate: true } as unknown as { exact: boolean };
  const act = () => gelu(tape, tape.activation([2], "x"), options);
  assertThrows(act, TypeError, 'the options of gelu are exact; found "approximate"');
});

Deno.test("labels, smoothing and dropout are refused where they mean nothing", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device, { dropoutSeed: 1 });
  const logits = tape.activation([2, 3], "logits");
  for (const [label, found] of [[3, "found 3"], [0.5, "found 0.5"], [NaN, "found NaN"]] as const) {
    const message = `integers below the vocabulary of 3, ${found} at position 1`;
    assertThrows(() => crossEntropy(tape, logits, [0, label]), RangeError, message);
  }
  for (const smoothing of [-0.1, 1.1, NaN]) {
    const act = () => crossEntropy(tape, logits, [0, 1], { smoothing });
    assertThrows(act, RangeError, `label smoothing must be in [0, 1], found ${smoothing}`);
  }
  for (const rate of [-0.1, 1, NaN]) {
    const message = `dropout must be in [0, 1), found ${rate}`;
    assertThrows(() => dropout(tape, logits, rate), RangeError, message);
  }
});

Deno.test("a tape refuses what it ran back over: its gradient would be a part", async () => {
  using device = new ReferenceDevice();
  const x = parameter(device, "x", [2]);
  using tape = new Tape(device);
  const doubled = add(tape, x, x);
  tape.backward(doubled);
  assertThrows(() => tape.backward(doubled), RangeError, "a second use after backward");
  assertThrows(() => add(tape, doubled, doubled), RangeError, "a second use after backward");
  tape.backward(add(tape, x, x)); // what is new may follow, and adds
  const [{ data }] = await device.read(tape.gradientOf(x)!);
  assertEquals([...data], [4, 4]);
});

Deno.test("a head that is wider than WebGPU's kernels have registers for is refused by its width", () => {
  for (const kernel of [attentionForward, attentionBackward] as Kernel[]) {
    assertEquals(kernel.wgsl.constants!({ headWidth: 128 }), { chunks: 4 });
    assertThrows(
      () => kernel.wgsl.constants!({ headWidth: 129 }),
      RangeError,
      "at most 128 columns, found 129",
    );
  }
});

Deno.test("a table that is trained takes its ids from the host", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device);
  const ids = tape.allocate([2], "u32", "activation", "chosen");
  const look = () => embedding(tape, parameter(device, "wte", [3, 4]), ids);
  assertThrows(look, TypeError, "the gradient of wte needs ids on the host, found chosen");
});
