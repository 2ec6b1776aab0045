import { assertEquals, assertThrows } from "@std/assert";
import {
  attention,
  type AttentionInputs,
  type ColumnWindow,
  fusedInputs,
  Tape,
} from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { openDevice } from "../../src/device/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import type { Tensor } from "../../src/device/device.ts";
import { KeyValueCache } from "../../src/nn/mod.ts";
import { normals } from "../kernels/cases/values.ts";
import { assertAllClose } from "../support/all_close.ts";

const batch = 2, time = 5, heads = 2, width = 6;

const layouts: Record<string, (fused: ArrayLike<number>, tape: Tape) => AttentionInputs> = {
  fused: (values, tape) => fusedInputs(matrix(tape, values, 3 * width)),
  separate: (values, tape) => {
    const window = (part: number): ColumnWindow => {
      const inPart = (at: number) => Math.floor(at % (3 * width) / width) === part;
      const own = Array.from(values).filter((_, at) => inPart(at));
      return { tensor: matrix(tape, own, width), width };
    };
    return { q: window(0), k: window(1), v: window(2) };
  },
};

function matrix(tape: Tape, values: ArrayLike<number>, columns: number): Tensor {
  const tensor = tape.activation([values.length / columns, columns], "values");
  tape.device.write(tensor, Float32Array.from(values));
  return tensor;
}

/** Tokens `begin` to `end` of every sequence. */
function tokensOf(values: Float32Array, begin: number, end: number): number[] {
  const size = 3 * width;
  return Array.from({ length: batch }, (_, b) => b * time * size).flatMap((at) => [
    ...values.subarray(at + begin * size, at + end * size),
  ]);
}

for (const [name, inputsOf] of Object.entries(layouts)) {
  Deno.test(`a cache attends as causal attention over all tokens does: ${name}`, async () => {
    using device = new ReferenceDevice();
    using tape = new Tape(device, { record: false });
    const values = normals(1, batch * time * 3 * width);
    const whole = attention(tape, inputsOf(values, tape), { batch, time, heads, causal: true });
    const [{ data }] = await device.read(whole);
    using cache = new KeyValueCache(device, { layers: 1, batch, capacity: 7, width });
    for (const [begin, end] of [[0, 3], [3, 4], [4, 5]]) {
      const out = cache.attend(tape, 0, inputsOf(tokensOf(values, begin, end), tape), heads);
      cache.advance(end - begin);
      const [found] = await device.read(out);
      const expected = [0, time].flatMap((row) => [
        ...data.subarray((row + begin) * width, (row + end) * width),
      ]);
      assertAllClose([...found.data], expected, { absolute: 1e-14 });
    }
  });
}

Deno.test("a cache of grouped heads attends as their attention does, in bytes of their width", async () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device, { record: false });
  const heads = 4,
    width = 12,
    kvWidth = 6,
    shape = { layers: 2, batch, capacity: 7, width: kvWidth };
  const sizes = [width, kvWidth, kvWidth];
  const values = sizes.map((size, i) => normals(i + 1, batch * time * size));
  /** Tokens `begin` to `end` of every sequence. */
  const inputsOf = (begin: number, end: number): AttentionInputs => {
    const [q, k, v] = values.map((data, i) => {
      const own = Array.from(data).filter((_, at) => {
        const token = Math.floor(at / sizes[i]) % time;
        return token >= begin && token < end;
      });
      return { tensor: matrix(tape, own, sizes[i]), width: sizes[i] };
    });
    return { q, k, v };
  };
  const whole = attention(tape, inputsOf(0, time), { batch, time, heads, causal: true });
  const [{ data }] = await device.read(whole);
  const { live } = device.ledger.read();
  using cache = new KeyValueCache(device, shape);
  const rows = (shape.layers + 1) * batch * shape.capacity;
  assertEquals(device.ledger.read().live - live, rows * 2 * kvWidth * 4);
  for (const [begin, end] of [[0, 3], [3, 4], [4, 5]]) {
    const found = await device.read(cache.attend(tape, 1, inputsOf(begin, end), heads));
    cache.advance(end - begin);
    const expected = [0, time].flatMap((row) => [
      ...data.subarray((row + begin) * width, (row + end) * width),
    ]);
    assertAllClose([...found[0].data], expected, { absolute: 1e-14 });
  }
});

Deno.test("a cache refuses keys of another width than its own", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device, { record: false });
  using cache = new KeyValueCache(device, { layers: 1, batch, capacity: 7, width: 4 });
  const inputs = layouts.fused(normals(1, batch * 3 * width), tape);
  const message = "k must have the cache's width of 4, found 6";
  assertThrows(() => cache.attend(tape, 0, inputs, heads), ShapeError, message);
});

Deno.test("a device refuses a cache of too many sequences before a list of them is made", async () => {
  using device = await openDevice({ kind: "cpu", threads: 1 });
  const shape = { layers: 1, batch: 2 ** 33, capacity: 1, width: 4 };
  assertThrows(
    () => new KeyValueCache(device, shape),
    Error,
    "allocating cache needs 274877906944",
  );
});
