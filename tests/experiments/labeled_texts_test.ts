/** Batches of texts of like length, which the studies of classifiers train on. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { labeledTexts, sortedBatches } from "../../experiments/labeled_texts.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const tokenizer = await loadTokenizer(`${rootPath}/models/tiny-roberta`);
const model = { positions: 64, padding: 1, isCausal: false };
const texts = await labeledTexts(
  Array.from({ length: 42 }, (_, i) => ({ label: i, text: "ship ".repeat(1 + i % 14).trim() })),
  Array.from({ length: 42 }, (_, i) => `${i}`),
  "42 texts",
);
const batchesOf = (seed: number) =>
  sortedBatches(model, tokenizer, texts, { batch: 4, window: 5, seed });
const labelsOf = (seed: number) => batchesOf(seed).map(({ targets }) => Array.from(targets.data));

Deno.test("every text is in one batch, in an order that the seed decides alone", () => {
  const labels = labelsOf(1);
  assertEquals(labels.flat().toSorted((a, b) => a - b), texts.rows.map(({ label }) => label));
  assertEquals(labels.map(({ length }) => length), [...Array(10).fill(4), 2]);
  assertEquals(labelsOf(1), labels);
  assertNotEquals(labelsOf(2), labels);
});

Deno.test("the texts of a window are sorted by length, so that less is padding", () => {
  const batches = batchesOf(1);
  for (const window of [batches.slice(0, 5), batches.slice(5, 10)]) {
    const spans = window.map(({ targets }) => {
      const lengths = Array.from(targets.data, (label) => label % 14);
      return [Math.min(...lengths), Math.max(...lengths)];
    }).sort(([a, b], [c, d]) => a - c || b - d);
    spans.slice(1).forEach(([least], i) => assert(least >= spans[i][1]));
  }
  const cells = batches.reduce((sum, { inputs: { tokens } }) => sum + tokens.data.length, 0);
  assert(cells < 42 * 16, `${cells} tokens with padding`);
});
