/** Tokens and scores against those of the E2E scripts' own code. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  captionTokens,
  rougeL,
  scoreTexts,
  textMetrics,
} from "../../../experiments/text_metrics/mod.ts";
import { golden } from "./golden.ts";

Deno.test("Penn Treebank tokens are those of Stanford's tokenizer", () => {
  for (const { output, references, tokens, referenceTokens } of golden.texts) {
    assertEquals(captionTokens(output).join(" "), tokens);
    const found = references.map((reference) => captionTokens(reference).join(" "));
    assertEquals(found, referenceTokens);
  }
});

Deno.test("scores of the whole set are those of pymteval and coco-caption", () => {
  const found = { ...scoreTexts(golden.texts, textMetrics) } as Record<string, number>;
  for (const [name, score] of Object.entries(golden.scores)) {
    assertAlmostEquals(found[name], score, 1e-12, name);
  }
});

Deno.test("ROUGE-L of each output is coco-caption's", () => {
  for (const text of golden.texts) assertAlmostEquals(rougeL([text]), text.rougeL, 1e-14);
});
