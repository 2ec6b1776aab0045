import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import { countTargets } from "../../src/core/batch.ts";
import type { EncodedDocuments } from "../../src/data/documents.ts";
import { evaluationWindows, randomWindows, tokenStream } from "../../src/data/prompted_batches.ts";
import { IGNORED, packBatch } from "../../src/data/token_rows.ts";

/** Documents of these lengths whose tokens are all different: 1, 2, 3 … and 0 at each end. */
function encoded(lengths: number[]): EncodedDocuments {
  let next = 1;
  const documents = lengths.map((length) =>
    Uint32Array.from({ length }, (_, at) => at === length - 1 ? 0 : next++)
  );
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return { documents, endOfText: 0, tokens, bytes: tokens };
}

Deno.test("a stream has the end of text before and after every document", () => {
  assertEquals([...tokenStream(encoded([3, 1, 2]))], [0, 1, 2, 0, 0, 3, 0]);
});

Deno.test("random windows predict the next token of the stream and depend on the seed alone", () => {
  const stream = Uint32Array.from({ length: 50 }, (_, at) => at);
  const take = (seed: number) => {
    const windows = randomWindows(stream, { batch: 3, length: 7, seed });
    return [windows.next().value, windows.next().value];
  };
  const [first, second] = take(1);
  assertEquals(first.inputs.tokens.shape, [3, 7]);
  assertEquals(countTargets(first.targets), 21);
  assertEquals([...first.targets.data], [...first.inputs.tokens.data].map((token) => token + 1));
  assertEquals(take(1), [first, second]);
  assert(String(take(2)[0].inputs.tokens.data) !== String(first.inputs.tokens.data));
  assert(String(second.inputs.tokens.data) !== String(first.inputs.tokens.data));
});

Deno.test("random windows reach both ends of the stream", () => {
  const windows = randomWindows(new Uint32Array([5, 6, 7]), { batch: 40, length: 2, seed: 1 });
  assertEquals(new Set(windows.next().value.inputs.tokens.data), new Set([5, 6]));
  const only = randomWindows(new Uint32Array([5, 6, 7, 8]), { batch: 40, length: 2, seed: 1 });
  assertEquals(new Set(only.next().value.targets.data), new Set([6, 7, 8]));
});

Deno.test("evaluation scores every token once and never crosses documents", () => {
  const held = encoded([1, 4, 9, 23, 8]);
  for (const stride of [undefined, 1, 3, 8]) {
    const scored: number[] = [];
    for (const batch of evaluationWindows(held, { batch: 2, length: 8, stride })) {
      let counted = 0;
      batch.targets.data.forEach((target, at) => {
        if (target === IGNORED) return;
        scored.push(target);
        counted++;
        if (target > 0 && batch.inputs.tokens.data[at] > 0) {
          assertEquals(batch.inputs.tokens.data[at], target - 1);
        }
      });
      assertEquals(countTargets(batch.targets), counted);
    }
    assertEquals(scored, held.documents.flatMap((document) => [...document]));
  }
});

Deno.test("evaluation gives every scored token half a window of context or its whole document", () => {
  const held = encoded([40]);
  for (const { inputs, targets } of evaluationWindows(held, { batch: 1, length: 8 })) {
    targets.data.forEach((target, at) => {
      if (target > 8) assertGreaterOrEqual(at + 1, 4);
      if (target > 0 && target <= 8) assertEquals(inputs.tokens.data[0], 0);
    });
  }
});

Deno.test("missing rows and short rows are padded and not scored", () => {
  const { inputs, targets } = packBatch(
    [{ tokens: [1, 2, 3], scoredFrom: 2 }],
    { batch: 2, length: 3 },
    9,
  );
  assertEquals([...inputs.tokens.data], [1, 2, 9, 9, 9, 9]);
  assertEquals([...targets.data], [IGNORED, 3, IGNORED, IGNORED, IGNORED, IGNORED]);
  assertEquals(countTargets(targets), 1);
});

Deno.test("windows refuse short streams, strides and sizes out of range", () => {
  const short = new Uint32Array(8);
  assertThrows(
    () => randomWindows(short, { batch: 1, length: 8, seed: 1 }).next(),
    RangeError,
    "9",
  );
  assertThrows(
    () => randomWindows(short, { batch: 0, length: 2, seed: 1 }).next(),
    RangeError,
    "batch",
  );
  assertThrows(
    () => evaluationWindows(encoded([3]), { batch: 1, length: 4, stride: 5 }).next(),
    RangeError,
    "found 5",
  );
});
