/** Patterns and names for property tests. @module */

import fc from "npm:fast-check@4.10.2";

const characters = fc.constantFrom(..."ab.q0_");

const escapes = fc.constantFrom("\\.", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\x61", "\\$");

const classes = fc.tuple(
  fc.constantFrom("", "^"),
  fc.array(fc.constantFrom("a", "b-q", "0", "\\.", "\\d", "\\]", "_"), {
    minLength: 1,
    maxLength: 3,
  }),
).map(([sign, items]) => `[${sign}${items.join("")}]`);

const repetitions = fc.constantFrom(
  ...["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}?", "{0}"],
);

/** Lookaheads without what we refuse in them, in a group because JavaScript does not repeat them. */
const lookaheads = fc.tuple(
  fc.constantFrom("=", "!", "=.*", "!.*"),
  fc.array(
    fc.oneof(
      characters,
      escapes,
      classes,
      fc.tuple(classes, repetitions).map((two) => two.join("")),
      fc.constantFrom("$", "|", "(?=a|b)", "(?!q)"),
    ),
    { maxLength: 4 },
  ),
).map(([sign, items]) => `(?:(?${sign}${items.join("")}))`);

/** Patterns that Python and JavaScript read alike. */
export const sharedPatterns: fc.Arbitrary<string> = fc.letrec<{ pattern: string; item: string }>(
  (tie) => ({
    pattern: fc.array(
      fc.array(tie("item"), { maxLength: 4 }).map((items) => items.join("")),
      { minLength: 1, maxLength: 3, depthIdentifier: "pattern" },
    ).map((choices) => choices.join("|")),
    item: fc.oneof(
      { depthSize: "small", depthIdentifier: "pattern", withCrossShrink: true },
      { weight: 4, arbitrary: characters },
      { weight: 2, arbitrary: escapes },
      { weight: 2, arbitrary: classes },
      { weight: 1, arbitrary: fc.constantFrom("^", "$", "(?:^)", "($)") },
      { weight: 1, arbitrary: lookaheads },
      { weight: 1, arbitrary: fc.constantFrom("\\b", "\\B", "(?:\\b)", "(\\B)") },
      {
        weight: 3,
        arbitrary: fc.tuple(fc.oneof(characters, escapes, classes), repetitions).map((two) =>
          two.join("")
        ),
      },
      {
        weight: 4,
        arbitrary: fc.tuple(
          fc.constantFrom("(", "(?:"),
          tie("pattern"),
          fc.oneof(fc.constant(""), repetitions),
        ).map(([open, inner, times]) => `${open}${inner})${times}`),
      },
    ),
  }),
).pattern;

/** Pieces of patterns in any order, most of them not patterns at all. */
export const anyPatterns: fc.Arbitrary<string> = fc.array(
  fc.constantFrom(
    ...[
      "a",
      "b",
      ".",
      "q",
      "0",
      "-",
      "|",
      "(",
      ")",
      "(?:",
      "[",
      "]",
      "^",
      "$",
      "*",
      "+",
      "?",
      "{",
      "}",
    ],
    ...[
      "{2}",
      "{,1}",
      "{1,}",
      "{,}",
      "{2,1}",
      "\\A",
      "\\Z",
      "\\b",
      "\\B",
      "\\d",
      "\\w",
      "\\.",
      "\\x61",
      "\\1",
    ],
    ...[
      "(?P<n>",
      "(?=",
      "(?!",
      "(?i)",
      "[^",
      "[]a]",
      "[a-q]",
      ",",
      "\\",
      "]",
      "\\u0061",
      "\\n",
      "\n",
      "é",
      "😀",
    ],
  ),
  { maxLength: 8 },
).map((pieces) => pieces.join(""));

/** Names that such patterns may match. */
export const names: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(..."aaabbq..00_- \n\ré😀٣"),
  maxLength: 12,
});
