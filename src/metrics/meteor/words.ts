/** The words that METEOR compares. @module */

/** Letters, as METEOR has them: Latin, Cyrillic and phonetic ones. */
const letters =
  "A-Za-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u017e\\u0400-\\u0527\\ua640-\\ua66e\\ua67e-\\ua697\\u1d00-\\u1d7f";

/** What is put between words or written otherwise, one after the other. */
const steps: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`([^0-9${letters}\\s.'\`,\\-\\u2018\\u2019])`, "g"), " $1 "],
  [/\.{2,}/g, " $& "],
  [/([^\d]),([^\d])/g, "$1 , $2"],
  [/(\d),([^\d])/g, "$1 , $2"],
  [/([^\d]),(\d)/g, "$1 , $2"],
  [/[`\u2018\u2019]/g, "'"],
  [/[\u201c\u201d]|''/g, ' " '],
  [/\u2013|--/g, "-"],
  // Parts of hyphenated words count each.
  [new RegExp(`([0-9${letters}.])-([0-9${letters}])`, "g"), "$1 $2"],
  [new RegExp(`([^${letters}])'([^${letters}])`, "g"), "$1 ' $2"],
  [new RegExp(`([^${letters}\\d])'([${letters}])`, "g"), "$1 ' $2"],
  [new RegExp(`([${letters}])'([^${letters}])`, "g"), "$1 ' $2"],
  [new RegExp(`([${letters}])'([${letters}])`, "g"), "$1 '$2"],
  [/(\d)'s/g, "$1 's"],
];

/** Abbreviations in lower case that keep their period, whatever follows. */
const abbreviations = new Set(["v", "vs", "rev"]);

/**
 * Splits a text of caption tokens once more, as METEOR does with `-norm`: `5-star` becomes two words, and
 * `u.s.` becomes `us`.
 *
 * Source: the `Normalizer` of METEOR 1.5, for English.
 */
export function meteorWords(text: string): string[] {
  const apart = steps.reduce((text, [pattern, by]) => text.replace(pattern, by), ` ${text} `);
  const words = apart.split(/\s+/).filter((word) => word !== "");
  return words.flatMap((word, i) => withoutPeriod(word, words[i + 1])).map((word) =>
    word.toLowerCase()
  );
}

function withoutPeriod(word: string, next = ""): string[] {
  const stem = word.slice(0, -1);
  if (!word.endsWith(".") || /^\.*$/.test(stem)) return [word];
  if (stem.includes(".") && new RegExp(`[${letters}]`).test(stem)) {
    return [word.replaceAll(".", "")];
  }
  const isKept = abbreviations.has(stem) || /^[a-z]/.test(next) ||
    (stem === "pp" && /^\d/.test(next));
  return isKept ? [word] : [stem, "."];
}

/** Words that say little: more frequent than one in a thousand in the corpora that METEOR was made with. */
const functionWords = new Set(
  ("the , . to of and a in that for \" is on 's it with was as said at he by be from have has are his but an " +
    "this not i will ’ they ) -rrb- ( -lrb- who their had we which were been more or s its would about new " +
    "one after you : also up when there than $ all out her people she year two - can if last first “ over " +
    "other ” into some what so -- no time years could ? 't — '").split(" "),
);

/** Whether a word says little, so that METEOR weighs it less. */
export const isFunctionWord = (word: string): boolean => functionWords.has(word);
