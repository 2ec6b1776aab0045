/** Rows of a batch: every row once, of similar length, within a limit, by the seed alone. */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Random } from "../../src/core/random.ts";
import {
  assertOrder,
  type BatchLimit,
  type BatchOrder,
  batchOrders,
  drawGroups,
  measuredGroups,
  mostTokens,
  type RowGroups,
  type RowSizes,
} from "../../src/data/token_rows.ts";

/** Rows that are padded to the longest, or one after another without padding. */
const layouts: Readonly<Record<string, RowSizes["tokensOf"]>> = {
  padded: ({ rows, longest }) => rows * longest,
  packed: ({ tokens }) => tokens,
};

const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 300 });
const limits: fc.Arbitrary<BatchLimit> = fc.oneof(
  fc.record({ rows: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ tokens: fc.integer({ min: 1, max: 400 }) }),
);
const layout = fc.constantFrom(...Object.values(layouts));

const draw = (sizes: RowSizes, limit: BatchLimit, order: BatchOrder, seed = 1) =>
  drawGroups(sizes, limit, { order, random: new Random(seed) });

const inOrder = (groups: RowGroups) => groups.flat().toSorted((a, b) => a - b);

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

/** Checks that no batch is above its limit, but for a row that is so by itself. */
function assertWithin(groups: RowGroups, sizes: RowSizes, limit: BatchLimit): void {
  for (const group of groups) {
    assert(group.length <= (limit.rows ?? Infinity), `${group.length} rows`);
    const own = group.map((row) => sizes.lengths[row]), longest = Math.max(...own);
    const tokens = sizes.tokensOf({ rows: group.length, longest, tokens: sum(own) });
    assert(group.length === 1 || tokens <= (limit.tokens ?? Infinity), `${tokens} tokens`);
  }
}

Deno.test("every row is in one batch, none of which is above its limit, in either order or sorted", () => {
  fc.assert(fc.property(lengths, limits, layout, fc.nat(99), (lengths, limit, tokensOf, seed) => {
    const sizes = { lengths, tokensOf }, all = lengths.map((_, row) => row);
    const drawn = batchOrders.map((order) => draw(sizes, limit, order, seed));
    for (const groups of [...drawn, measuredGroups(sizes, limit)]) {
      assertEquals(inOrder(groups), all);
      assertWithin(groups, sizes, limit);
      if (limit.rows) assertEquals(groups.length, Math.ceil(lengths.length / limit.rows));
    }
  }));
});

const many = Array.from({ length: 600 }, (_, row) => 1 + (row * 37) % 64);
const sizes: RowSizes = { lengths: many, tokensOf: layouts.padded };

Deno.test("a pass is the same each time it is drawn, and another with another seed", () => {
  for (const order of batchOrders) {
    assertEquals(draw(sizes, { rows: 8 }, order), draw(sizes, { rows: 8 }, order));
    assertNotEquals(draw(sizes, { rows: 8 }, order), draw(sizes, { rows: 8 }, order, 2));
  }
});

/** The share of the computed tokens that is padding. */
function paddingOf(groups: RowGroups): number {
  const computed = groups.map((group) => group.length * Math.max(...group.map((row) => many[row])));
  return 1 - sum(many) / sum(computed);
}

Deno.test("of rows of like length little is padding", () => {
  // The longest of 8 lengths up to 64 is 58 on average, and a mean one 32.5. Of 120 that are sorted, 8 in a row differ
  // by 8 / 120 of 64, and are 2 shorter than their longest on average.
  const [random, like] = (["random", "like-length"] as const).map((order) =>
    paddingOf(draw(sizes, { rows: 8 }, order))
  );
  assert(Math.abs(random - (1 - 32.5 / 58)) < 0.04, `${random}`);
  assert(Math.abs(like - 2 / 34.5) < 0.02, `${like}`);
});

Deno.test("rows are sorted in up to 16 batches at a time, a pass at least four times, and batches are not in order", () => {
  /** Rows from a random permutation: what is sorted together is a span of it. */
  const spans = (groups: RowGroups, count: number) => {
    const permutation = [...new Random(1).permutation(many.length)];
    const span = Math.ceil(Math.ceil(many.length / 8) / count) * 8;
    return groups.map((group) =>
      new Set(group.map((row) => Math.floor(permutation.indexOf(row) / span)))
    );
  };
  const like = draw(sizes, { rows: 8 }, "like-length"); // 75 batches: 5 times 15
  for (const own of spans(like, 5)) assertEquals(own.size, 1);
  const longest = like.map((group) => Math.max(...group.map((row) => many[row])));
  assertNotEquals(longest, longest.toSorted((a, b) => a - b));
  const ofFew = (rows: number, order: BatchOrder) =>
    draw({ ...sizes, lengths: many.slice(0, rows) }, { rows: 8 }, order);
  assertEquals(ofFew(56, "like-length"), ofFew(56, "random")); // 7 batches cannot be sorted 2 at a time, 4 times
  assertNotEquals(ofFew(64, "like-length"), ofFew(64, "random"));
});

Deno.test("in random order batches are cut from a permutation, as those of committed studies were", () => {
  const permutation = [...new Random(1).permutation(many.length)];
  const cut = Array.from({ length: 75 }, (_, i) => permutation.slice(8 * i, 8 * i + 8));
  assertEquals(draw(sizes, { rows: 8 }, "random"), cut);
});

Deno.test("what is measured is sorted, in batches no larger than those that a step takes", () => {
  const trained = draw(sizes, { rows: 8 }, "random"), most = mostTokens(trained, sizes);
  assertEquals(most, Math.max(...trained.map((group) => sum(group.map((row) => many[row])))));
  const measured = measuredGroups(sizes, { tokens: most });
  const inLength = measured.flat().map((row) => many[row]);
  assertEquals(inLength, inLength.toSorted((a, b) => a - b));
  assertWithin(measured, sizes, { tokens: most }); // With padding, so that it holds where a model computes that.
  assert(measured.length < trained.length, `${measured.length} of ${trained.length}`);
});

Deno.test("what is measured has rows of one prompt together, at the place of the longest", () => {
  const lengths = [9, 3, 5, 5, 7, 5, 2], prompts = ["a", "b", "c", "a", "d", "b", "e"];
  const measured = (some?: readonly string[]) =>
    measuredGroups({ ...sizes, lengths, prompts: some }, { rows: 3 });
  assertEquals(measured(prompts), [[6, 2, 1], [5, 4, 3], [0]]);
  const own = ["a", "b", "c", "d", "e", "f", "g"];
  assertEquals(measured(own), measured()); // All have prompts of their own.
  assertEquals(measured(own.map(() => "a")), measured()); // All have one prompt.
  const names = many.map((_, row) => `${row % 40}`);
  const groups = measuredGroups({ ...sizes, prompts: names }, { rows: 8 });
  assertWithin(groups, sizes, { rows: 8 });
  const inOrder = groups.flat().map((row) => names[row]);
  assertEquals(inOrder.filter((name, i) => name !== inOrder[i - 1]).length, 40);
});

Deno.test("an order that does not exist is refused", () => {
  assertThrows(
    () => assertOrder("sorted" as BatchOrder),
    RangeError,
    'the order of batches must be like-length or random, found "sorted"',
  );
});
