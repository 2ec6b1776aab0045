import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import type { Batch } from "../../src/core/batch.ts";
import {
  bucketBatches,
  fittedLength,
  IGNORED,
  packBatch,
  packBatches,
  type TokenRow,
} from "../../src/data/token_rows.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { evaluate } from "../../src/train/mod.ts";

const width = 12, padding = 7;

/** Rows of 2 to 13 tokens, of which the first is never scored. */
const someRows = fc.array(
  fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 2, maxLength: width + 1 })
    .chain((tokens) =>
      fc.integer({ min: 1, max: tokens.length - 1 })
        .map((scoredFrom): TokenRow => ({ tokens, scoredFrom }))
    ),
  { minLength: 1, maxLength: 20 },
);

const packed = (rows: readonly TokenRow[]) => [
  ...packBatches(rows, { batch: 3, length: width }, padding),
];

/** Input tokens and targets of every row as text, sorted; rows without targets are left out. */
function contents(batches: Iterable<Batch>): string[] {
  return [...batches].flatMap(({ inputs: { tokens }, targets }) => {
    const [rows, length] = targets.shape;
    assertEquals(tokens.shape, targets.shape);
    return Array.from({ length: rows }, (_, row) => {
      const own = targets.data.subarray(row * length, (row + 1) * length);
      const end = own.findLastIndex((target) => target !== IGNORED) + 1;
      return `${tokens.data.subarray(row * length, row * length + end)}: ${own.subarray(0, end)}`;
    });
  }).filter((row) => row !== ": ").sort();
}

Deno.test("buckets hold the same rows, whatever the window, and as many batches", () => {
  fc.assert(fc.property(someRows, fc.integer({ min: 1, max: 9 }), (rows, window) => {
    const batches = packed(rows), bucketed = [...bucketBatches(batches, window, 1)];
    assertEquals(contents(bucketed), contents(batches));
    assertEquals(bucketed.length, batches.length);
  }));
});

Deno.test("buckets of batches of different lengths lose no token of the longer ones", () => {
  fc.assert(fc.property(someRows, (rows) => {
    const some = packed(rows).map((batch, i) => {
      const own = rows.slice(3 * i, 3 * i + 3), length = fittedLength(own, 7 + i);
      return own.every(({ tokens }) => tokens.length <= length + 1)
        ? packBatch(own, { batch: 3, length }, padding)
        : batch;
    });
    assertEquals(contents(bucketBatches(some, Infinity, 1)), contents(packed(rows)));
  }));
});

Deno.test("buckets say how prompts are written, as their batches did", () => {
  const promptFormat = { template: "{prompt}:", endOfTextFirst: true, separator: " " };
  const rows = [5, 2, 9, 4].map((size) => ({ tokens: Array(size).fill(1), scoredFrom: 1 }));
  const batches = packed(rows).map((batch) => ({ ...batch, promptFormat }));
  const formats = [...bucketBatches(batches, 2, 1)].map(({ promptFormat }) => promptFormat);
  assertEquals(formats, [promptFormat, promptFormat]);
});

Deno.test("a batch is no longer than its longest row asks for, in steps of 4", () => {
  fc.assert(fc.property(someRows, (rows) => {
    for (const batch of bucketBatches(packed(rows), Infinity, 1)) {
      const [count, length] = batch.targets.shape;
      const used = batch.targets.data.findLastIndex((_, at) =>
        at % length >= length - 4 && batch.targets.data[at] !== IGNORED
      );
      assert(used >= 0 || length === 4, `${count} rows of ${length}`);
      assertEquals(length % 4, 0);
    }
  }));
});

Deno.test("buckets are the same each time they are read, and others with another seed", () => {
  const rows = Array.from({ length: 36 }, (_, i) => {
    return { tokens: Array(2 + i % 11).fill(i % 7), scoredFrom: 1 };
  });
  const bucketed = bucketBatches(packed(rows), 12, 1), first = [...bucketed];
  assertEquals([...bucketed], first);
  const lengths = (batches: Iterable<Batch>) => [...batches].map(({ targets }) => targets.shape[1]);
  assert(`${lengths(bucketBatches(packed(rows), 12, 2))}` !== `${lengths(first)}`);
});

Deno.test("the mean loss of buckets is that of padded batches", async () => {
  using device = new ReferenceDevice();
  const shape = { vocab_size: 8, n_positions: width, n_embd: 8, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(shape), { seed: 1 });
  const rows = Array.from({ length: 8 }, (_, i) => {
    return { tokens: Array.from({ length: 3 + i }, (_, at) => (i + at) % 7), scoredFrom: 2 };
  });
  const [padded, bucketed] = [packed(rows), bucketBatches(packed(rows), Infinity, 0)];
  const [long, short] = [await evaluate(model, padded), await evaluate(model, bucketed)];
  assertEquals(short.counted, long.counted);
  assertAlmostEquals(short.loss, long.loss, 1e-6);
});
