/** METEOR against the jar that coco-caption carries, with small tables of our own. */

import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { meteor } from "../../../experiments/text_metrics/mod.ts";
import {
  englishStem,
  meteorScore,
  meteorStatistics,
  type MeteorTables,
} from "../../../experiments/text_metrics/meteor.ts";
import {
  parseParaphrases,
  parseSynonyms,
} from "../../../experiments/text_metrics/meteor_tables.ts";
import { sourceText } from "../../../scripts/support/source_files.ts";
import { golden, jarNumbers } from "./golden.ts";

Deno.test("stems are those of METEOR's Snowball stemmer", () => {
  for (const [word, stem] of Object.entries(golden.stems)) {
    assertEquals(englishStem(word), stem, word);
  }
});

const table = (name: string) => sourceText(`tests/experiments/text_metrics/meteor/${name}`);
const synonyms = parseSynonyms(table("english.synsets"), table("english.exceptions"));
const paraphrases = await parseParaphrases([table("paraphrases.txt")]);
const tables: Readonly<Record<string, MeteorTables>> = {
  "exact stem": {},
  "exact stem synonym": { synonyms },
  "exact stem synonym paraphrase": { synonyms, paraphrases },
};

for (const [modules, { stats, scores, score }] of Object.entries(golden.meteor)) {
  if (modules === "exact") continue; // not a choice that we offer
  Deno.test(`counts and scores are those of METEOR 1.5 with the modules ${modules}`, () => {
    for (const [i, text] of golden.texts.entries()) {
      const found = meteorStatistics(text, tables[modules]);
      assertEquals(jarNumbers(found), stats[i].split(" ").map(Number), text.output);
      assertAlmostEquals(meteorScore(found), scores[i], 1e-14);
    }
    assertAlmostEquals(meteor(golden.texts, tables[modules]), score, 1e-14);
  });
}

Deno.test("METEOR by hand: weights of words, of stems, and the penalty of chunks", () => {
  const one = (output: string, ...references: string[]) => meteor([{ output, references }]);
  assertEquals(one("cheap pub", "cheap pub"), 1);
  assertEquals(one("cheap", "river"), 0);
  assertEquals(one("", "river"), 0);
  // Two content words, one matched by its stem: P = R = 0.6 / 2, one chunk of one match.
  assertAlmostEquals(one("pubs nearby", "pub river"), 0.3 * (1 - 0.6));
  // Of "the pub" against "the inn" the function word is matched: 0.25 of 1.
  assertAlmostEquals(one("the pub", "the inn"), 0.25 * (1 - 0.6));
  // All words in two chunks of two matches.
  assertAlmostEquals(one("pub cheap", "cheap pub"), 1 - 0.6);
  assertLess(one("a b c d", "a b d c"), one("a b c d", "a b c d"));
  assertEquals(one("cheap pub", "river", "cheap pub"), 1, "the best reference counts");
});
