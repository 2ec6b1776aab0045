/** The key-value cache against plain arrays. */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { type AttentionInputs, fusedInputs, Tape } from "../../src/autograd/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { KeyValueCache } from "../../src/nn/mod.ts";
import { normals } from "../kernels/cases/values.ts";
import { assertAllClose } from "../support/all_close.ts";

const layers = 2, batch = 3, capacity = 6, heads = 2, headWidth = 2, width = heads * headWidth;

/** A token's row [q | k | v] in one layer. */
type Row = readonly number[];

/** The rows so far of each layer and sequence. */
type Rows = Row[][][];

interface Model {
  rows: Rows;
}

interface Real {
  readonly device: ReferenceDevice;
  readonly cache: KeyValueCache;
}

type Command = fc.AsyncCommand<Model, Real>;

const lengthOf = ({ rows }: Model): number => rows[0][0].length;

/** Rows of new tokens: one list for each sequence. */
function newRows(seed: number, tokens: number): Row[][] {
  const values = normals(seed, batch * tokens * 3 * width);
  const row = (at: number) => [...values.subarray(at * 3 * width, (at + 1) * 3 * width)];
  return Array.from(
    { length: batch },
    (_, b) => Array.from({ length: tokens }, (_, i) => row(b * tokens + i)),
  );
}

/** Attention of one query row over the rows so far, its own included. */
function attended(rows: readonly Row[], query: Row): number[] {
  return Array.from({ length: heads }, (_, h) => {
    const part = (row: Row, third: number) =>
      row.slice(third * width + h * headWidth, third * width + (h + 1) * headWidth);
    const scores = rows.map((row) =>
      part(row, 1).reduce((sum, k, d) => sum + k * part(query, 0)[d], 0) / Math.sqrt(headWidth)
    );
    const weights = scores.map(Math.exp), total = weights.reduce((sum, w) => sum + w, 0);
    return part(query, 2).map((_, d) =>
      rows.reduce((sum, row, j) => sum + weights[j] / total * part(row, 2)[d], 0)
    );
  }).flat();
}

function inputsOf(tape: Tape, rows: readonly Row[][]): AttentionInputs {
  const values = rows.flat(2),
    tensor = tape.activation([values.length / (3 * width), 3 * width], "x");
  tape.device.write(tensor, Float32Array.from(values));
  return fusedInputs(tensor);
}

const append = (tokens: number, seed: number): Command => ({
  check: (model) => lengthOf(model) + tokens <= capacity,
  async run(model, { device, cache }) {
    using tape = new Tape(device, { record: false });
    for (let layer = 0; layer < layers; layer++) {
      const added = newRows(seed + layer, tokens), all = model.rows[layer];
      const out = cache.attend(tape, layer, inputsOf(tape, added), heads);
      const expected = added.flatMap((rows, b) =>
        rows.flatMap((query) => {
          all[b].push(query);
          return attended(all[b], query);
        })
      );
      const [{ data }] = await device.read(out);
      assertAllClose([...data], expected, { absolute: 1e-12 });
    }
    cache.advance(tokens);
    assertEquals(cache.length, lengthOf(model));
  },
  toString: () => `append(${tokens})`,
});

/** More tokens than there is room for are refused, and change nothing. */
const overfill = (seed: number): Command => ({
  check: () => true,
  run(model, { device, cache }) {
    using tape = new Tape(device, { record: false });
    const tokens = capacity - lengthOf(model) + 1;
    const inputs = inputsOf(tape, newRows(seed, tokens));
    const rule = `holds ${capacity} tokens per sequence, found ${capacity + 1}`;
    assertThrows(() => cache.attend(tape, 0, inputs, heads), RangeError, rule);
    return Promise.resolve();
  },
  toString: () => "overfill",
});

const reorder = (parents: readonly number[]): Command => ({
  check: () => true,
  run(model, { device, cache }) {
    using tape = new Tape(device, { record: false });
    cache.reorder(tape, parents);
    model.rows = model.rows.map((layer) => parents.map((parent) => [...layer[parent]]));
    return Promise.resolve();
  },
  toString: () => `reorder(${parents})`,
});

Deno.test("a cache holds what was appended and reordered, in any order", async () => {
  const seeds = fc.nat(1_000_000), sequence = fc.nat(batch - 1);
  const commands = fc.commands([
    fc.tuple(fc.integer({ min: 1, max: 3 }), seeds).map(([tokens, seed]) => append(tokens, seed)),
    fc.array(sequence, { minLength: batch, maxLength: batch }).map(reorder),
    seeds.map(overfill),
  ], { maxCommands: 12, size: "max" });
  const run = async (all: Iterable<Command>) => {
    using device = new ReferenceDevice();
    using cache = new KeyValueCache(device, { layers, batch, capacity, width });
    const rows = Array.from({ length: layers }, () => Array.from({ length: batch }, () => []));
    await fc.asyncModelRun(() => ({ model: { rows }, real: { device, cache } }), all);
  };
  await fc.assert(fc.asyncProperty(commands, run), { seed: 1, numRuns: 60 });
});

/** Rows of one sequence with other tokens than its neighbors, and how many they were when it was cut. */
const oneSequence = (b: number, tokens: number, kept: number, seed: number): Command => ({
  check: ({ rows }) => rows[0][b].length + tokens <= capacity,
  async run(model, { device, cache }) {
    cache.select(b, 1);
    for (let layer = 0; layer < layers; layer++) {
      using tape = new Tape(device, { record: false });
      const added = [newRows(seed + layer, tokens)[0]], all = model.rows[layer][b];
      const out = cache.attend(tape, layer, inputsOf(tape, added), heads);
      const expected = added[0].flatMap((query) => (all.push(query), attended(all, query)));
      const [{ data }] = await device.read(out);
      assertAllClose([...data], expected, { absolute: 1e-12 });
    }
    cache.advance(tokens);
    cache.cut(b, Math.min(kept, cache.length));
    for (const layer of model.rows) layer[b].splice(kept);
    assertEquals(cache.length, model.rows[0][b].length);
  },
  toString: () => `oneSequence(${b}, ${tokens}, ${kept})`,
});

/** One token for every sequence, however long: the mask hides what it does not have. */
const stepTogether = (seed: number): Command => ({
  check: ({ rows }) => rows[0].every(({ length }) => length < capacity),
  async run(model, { device, cache }) {
    using tape = new Tape(device, { record: false });
    cache.select(0, batch);
    const keys = cache.length + 1, lengths = model.rows[0].map(({ length }) => length);
    const mask = tape.allocate([batch, keys], "u32", "activation", "mask");
    const seen = lengths.flatMap((length) =>
      Array.from({ length: keys }, (_, at) => Number(at <= length))
    );
    device.write(mask, Uint32Array.from(seen));
    for (let layer = 0; layer < layers; layer++) {
      const added = newRows(seed + layer, 1), all = model.rows[layer];
      const out = cache.attend(tape, layer, inputsOf(tape, added), heads, mask);
      const expected = added.flatMap(([query], b) => (all[b].push(query), attended(all[b], query)));
      const [{ data }] = await device.read(out);
      assertAllClose([...data], expected, { absolute: 1e-12 });
    }
    cache.advance(1);
  },
  toString: () => "stepTogether",
});

/** The last sequence takes the place of another one, as where a row leaves. */
const replace = (b: number): Command => ({
  check: () => true,
  run(model, { cache }) {
    cache.cut(b, 0);
    if (b !== batch - 1) cache.move(batch - 1, b);
    for (const layer of model.rows) {
      layer[b] = b === batch - 1 ? [] : layer[batch - 1];
      layer[batch - 1] = [];
    }
    return Promise.resolve();
  },
  toString: () => `replace(${b})`,
});

Deno.test("sequences of a cache come, go, and have lengths of their own", async () => {
  const seeds = fc.nat(1_000_000),
    sequence = fc.nat(batch - 1),
    tokens = fc.integer({ min: 1, max: 3 });
  const commands = fc.commands([
    fc.tuple(sequence, tokens, fc.nat(capacity), seeds).map((all) => oneSequence(...all)),
    seeds.map(stepTogether),
    sequence.map(replace),
  ], { maxCommands: 15, size: "max" });
  const run = async (all: Iterable<Command>) => {
    using device = new ReferenceDevice();
    using cache = new KeyValueCache(device, { layers, batch, capacity, width });
    cache.clear();
    const rows = Array.from({ length: layers }, () => Array.from({ length: batch }, () => []));
    await fc.asyncModelRun(() => ({ model: { rows }, real: { device, cache } }), all);
  };
  await fc.assert(fc.asyncProperty(commands, run), { seed: 1, numRuns: 100 });
});

Deno.test("parents of a step of beam search are sequences of the cache, one for each", () => {
  using device = new ReferenceDevice();
  using tape = new Tape(device, { record: false });
  using cache = new KeyValueCache(device, { layers, batch, capacity, width });
  for (const parents of [[0, 1, 3], [0, 1, -1], [0, 1, 0.5], [0, 1, NaN]]) {
    const rule = `must be a sequence below 3, found ${parents[2]}`;
    assertThrows(() => cache.reorder(tape, parents), RangeError, rule);
  }
  assertThrows(() => cache.reorder(tape, [0, 1]), RangeError, "3 values, found 2");
});
