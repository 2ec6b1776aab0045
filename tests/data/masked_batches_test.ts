/** Masked batches: what is chosen, how often, and what it becomes. */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { IGNORED, maskedBatches, type MaskedOptions, maskRow } from "../../src/data/mod.ts";

const special = new Set([0, 1, 2, 3, 99]);
const masking = { mask: 99, vocabulary: 100, special };
const options: MaskedOptions = { ...masking, batch: 4, padding: 1, seed: 7 };

/** Rows of 3 to 12 tokens between the two ends. */
const rows = Array.from({ length: 10 }, (_, i) => {
  const random = new Random(i);
  return [0, ...Array.from({ length: 3 + i }, () => 4 + random.integer(95)), 2];
});

/** ln C(n, k), by logarithms of factors. */
function lnChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}

/** P(X = k) of a binomial distribution. */
const binomial = (n: number, p: number, k: number) =>
  Math.exp(lnChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));

/** True if a count is so likely that neither tail beyond it is below one in a million. */
function isLikely(count: number, n: number, p: number): boolean {
  let below = 0;
  for (let k = 0; k < count; k++) below += binomial(n, p, k);
  const above = 1 - below;
  return below + binomial(n, p, count) > 1e-6 && above > 1e-6;
}

Deno.test("15% of tokens are chosen: 80% of them hidden, 10% replaced, 10% kept", () => {
  const row = Array.from({ length: 8000 }, (_, i) => 4 + i % 95);
  const { tokens, targets } = maskRow(row, masking, new Random(1));
  const chosen = row.map((_, at) => at).filter((at) => targets[at] !== IGNORED);
  const hidden = chosen.filter((at) => tokens[at] === 99);
  const kept = chosen.filter((at) => tokens[at] === row[at]);
  assert(isLikely(chosen.length, row.length, 0.15), `${chosen.length} chosen`);
  assert(isLikely(hidden.length, chosen.length, 0.8), `${hidden.length} hidden`);
  // A random token is the same as the one that was there once in 95 times.
  assert(isLikely(kept.length, chosen.length, 0.1 + 0.1 / 95), `${kept.length} kept`);
  assert(!isLikely(Math.round(0.12 * row.length), row.length, 0.15)); // The bound is one.
});

Deno.test("targets are what was there; other tokens stay, special ones always", () => {
  for (const [seed, row] of rows.entries()) {
    const { tokens, targets } = maskRow(row, masking, new Random(seed));
    for (const [at, token] of row.entries()) {
      const isChosen = targets[at] !== IGNORED;
      assertEquals(targets[at], isChosen ? token : IGNORED);
      if (!isChosen) assertEquals(tokens[at], token);
      assert(!(isChosen && special.has(token)));
    }
  }
});

Deno.test("random tokens are drawn from all that are not special, equally often", () => {
  const small = { mask: 9, vocabulary: 10, special: new Set([0, 1, 9]) };
  const row = Array.from({ length: 40_000 }, () => 5);
  const { tokens, targets } = maskRow(row, small, new Random(3));
  const drawn = Array.from(tokens).filter((token, at) =>
    targets[at] !== IGNORED && token !== 5 && token !== 9
  );
  assertEquals([...new Set(drawn)].sort(), [2, 3, 4, 6, 7, 8]);
  for (const token of new Set(drawn)) {
    const count = drawn.filter((one) => one === token).length;
    assert(isLikely(count, drawn.length, 1 / 6), `${count} of token ${token}`);
  }
});

/** All tokens of a batch that are not padding, with the hidden ones restored, row by row. */
function restored(
  { inputs: { tokens, attentionMask }, targets }: ReturnType<ReturnType<typeof maskedBatches>>,
) {
  const [count, length] = tokens.shape;
  return Array.from({ length: count }, (_, row) => {
    const places = Array.from({ length }, (_, i) => row * length + i);
    return places.filter((at) => attentionMask!.data[at] === 1)
      .map((at) => targets.data[at] === IGNORED ? tokens.data[at] : targets.data[at]);
  });
}

Deno.test("a pass has every row once; short rows are padded, and padding is hidden and never scored", () => {
  const batches = maskedBatches(rows, options);
  for (const pass of [0, 1]) {
    const all = [0, 1, 2].flatMap((i) => restored(batches(3 * pass + i)));
    const inOrder = all.toSorted((a, b) => a.length - b.length);
    assertEquals(inOrder, rows);
  }
  for (const index of [0, 1, 2]) {
    const { inputs: { tokens, attentionMask }, targets } = batches(index);
    attentionMask!.data.forEach((seen, at) => {
      if (seen === 0) assertEquals([tokens.data[at], targets.data[at]], [1, IGNORED]);
    });
  }
});

Deno.test("batches are a function of seed and index; each pass masks anew", () => {
  const batches = maskedBatches(rows, options);
  const later = maskedBatches(rows, options)(5); // Made alone, without those before.
  for (let index = 0; index < 5; index++) batches(index);
  assertEquals(batches(5), later);
  assertEquals(batches(0), maskedBatches(rows, options)(0));
  assertNotEquals(batches(0), maskedBatches(rows, { ...options, seed: 8 })(0));
  const one = maskedBatches([rows[9]], { ...options, batch: 1 });
  assertNotEquals(one(0).targets, one(1).targets);
});

Deno.test("rows without tokens, batches of none and vocabularies of special tokens are refused", () => {
  const refused = (given: number[][], changed: Partial<MaskedOptions>, sentence: string) =>
    assertThrows(() => maskedBatches(given, { ...options, ...changed }), RangeError, sentence);
  refused([], {}, "masking needs rows of at least one token, found none");
  refused([[]], {}, "masking needs rows of at least one token, found an empty one");
  refused(rows, { batch: 0 }, "batches need an integer batch of at least 1, found 0");
  refused(
    rows,
    { vocabulary: 4 },
    "masking needs a token that is not special, found 4 special ones",
  );
  const unknown = { ...options, rate: 0.2 } as MaskedOptions;
  assertThrows(() => maskedBatches(rows, unknown), TypeError, "rate");
});
