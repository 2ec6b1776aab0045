import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { quote } from "../../src/core/errors.ts";
import { Matcher } from "../../src/patterns/matcher.ts";
import { compilePattern } from "../../src/patterns/names.ts";
import { anyPatterns, names, sharedPatterns } from "./pattern_arbitraries.ts";

const compile = (pattern: string) => compilePattern(pattern, "a pattern");
const matches = (pattern: string, text: string) => compile(pattern).matches(text);

const word = "[\\p{L}\\p{N}_]";

/** The ends of words in Python's sense, for JavaScript; an empty text has no place of either kind. */
const boundaries: Record<string, string> = {
  "\\b": `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`,
  "\\B": `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word})(?:(?<=[^])|(?=[^])))`,
};

/** The same pattern for JavaScript, whose `.`, `\d`, `\w`, `\s`, `\b` and `$` differ from Python's. */
function inJavaScript(pattern: string): RegExp {
  const sets: Record<string, string> = {
    "\\d": "\\p{Nd}",
    "\\D": "\\P{Nd}",
    "\\w": "\\p{L}\\p{N}_",
    "\\s": "\\t-\\r\\x1c- \\x85\\p{Z}",
  };
  const source = pattern.replace(/\\[dDwWsS]|\[(?:\\.|[^\]])*\]|\\.|[.$]/g, (part) => {
    if (part === ".") return "[^\\n]";
    if (part in boundaries) return boundaries[part];
    if (part === "$") return "(?=\\n?(?![^]))";
    if (part.startsWith("[")) return part.replace(/\\[dws]/g, (set) => sets[set]);
    if (/\\[WS]/.test(part)) return `[^${sets[part.toLowerCase()]}]`;
    return part in sets ? `[${sets[part]}]` : part;
  });
  return new RegExp(`^(?:${source})$`, "u");
}

Deno.test("patterns match what JavaScript's expressions match where both languages agree", () => {
  let matching = 0;
  fc.assert(
    fc.property(sharedPatterns, fc.array(names, { minLength: 8 }), (pattern, texts) => {
      const matcher = compile(pattern), expected = inJavaScript(pattern);
      for (const text of texts) {
        const isMatch = expected.test(text);
        assertEquals(matcher.matches(text), isMatch, JSON.stringify([pattern, text]));
        matching += Number(isMatch);
      }
    }),
    { seed: 7, numRuns: 500 },
  );
  assert(matching > 500, `only ${matching} names matched`);
});

Deno.test("names with pairs and lines are matched by Python's rules, not JavaScript's", () => {
  const cases: [pattern: string, text: string, isMatch: boolean][] = [
    [".", "😀", true],
    [".", "\u2028", true],
    [".", "\n", false],
    ["a$", "a\n", false],
    ["a$\\n", "a\n", true],
    ["a$\n\n", "a\n\n", false],
    ["a\\Z", "a", true],
    ["a\\Z\\n", "a\n", false],
    ["\\Aa", "a", true],
    ["a^b", "ab", false],
    ["\\d", "٣", true],
    ["\\w", "é", true],
    ["\\s", "\x1c", true],
    ["\\s", "\ufeff", false],
    ["q{,1}", "q", true],
    ["q{,1}", "", true],
    ["q{,}", "qqq", true],
    ["q{x", "q{x", true],
    ["{}", "{}", true],
    ["[]a]", "]", true],
    ["[^]a]", "]", false],
    ["[a\\]]+", "a]", true],
    ["[a-]+", "a-", true],
    ["[\\b]", "\b", true],
    ["(?P<n>a)b", "ab", true],
    ["\\x61\\u0062\\U0001f600", "ab😀", true],
    ["a|", "", true],
    ["\\bé\\b", "é", true],
    ["a\\bé", "aé", false],
    ["\\b.\\b", "😀", false],
    ["\\B.\\B", "😀", true],
    ["a\\b\\n", "a\n", true],
    ["a$\\b\\n", "a\n", true],
    ["\\Ba", "a", false],
    ["(?:\\b|a)*", "aa", true],
    ["\\B", "", false],
    ["(?!.*visual).*attn.*", "text.attn.q", true],
    ["(?!.*visual).*attn.*", "visual.attn.q", false],
    ["(?:(?!\\.bias)[^])*".replace("[^]", "(?:.|\\n)"), "a.b\n", true],
    ["(?:(?!\\.bias).)*", "a.bias", false],
    [".*h(?=\\.).*", "h.0", true],
    [".*h(?=\\.).*", "h0", false],
    ["a(?!b(?=c)).*", "abc", false],
    ["a(?!b(?=c)).*", "abd", true],
    ["a(?=$)\\n", "a\n", true],
    ["a(?=\\Z)\\n", "a\n", false],
    ["a\\b(?=\\.)(?!.*q).*", "a.k", true],
    ["a\\b(?=\\.)(?!.*q).*", "a.q", false],
  ];
  for (const [pattern, text, isMatch] of cases) {
    assertEquals(matches(pattern, text), isMatch, JSON.stringify([pattern, text]));
  }
});

Deno.test("what one pass cannot match, or Python does not know, is refused by name", () => {
  const cases: Record<string, string> = {
    "(?=a\\b)": "must not have the start or a word boundary in a lookahead",
    "(?!(?:^a))": "must not have the start or a word boundary in a lookahead",
    "(?<!a)b": "must not have a lookbehind",
    "(a)\\1": "must not have a back-reference",
    "(?P<x>a)(?P=x)": "must not have a back-reference",
    "(?i)a": "must not have flags such as (?i)",
    "(?i:a)": "must not have flags such as (?i)",
    "(?-i:a)": "must not have flags such as (?i)",
    "(?~a)": "must not have other extensions after (?",
    "(?>a)": "must not have an atomic group",
    "(a)?(?(1)b)": "must not have a condition",
    "(?#a)": "must not have a comment",
    "a++": "must not have a possessive repetition",
    "\\N{DOT}": "must not have a character by its name",
    "\\07": "must not have an octal escape",
    "[\\B]": "must not have an escape that Python does not know",
    "\\p{L}": "must not have an escape that Python does not know",
    "a\\": "must not have a backslash at its end",
    "\\xg0": "must have hexadecimal digits after \\x, \\u and \\U",
    "\\Uffffffff": "must have hexadecimal digits after \\x, \\u and \\U",
    "(a": "must close every group that it opens",
    "a)": "must open every group that it closes",
    "[a": "must close every [ with a ]",
    "[]": "must close every [ with a ]",
    "[b-a]": "must have a range in brackets from a character to a later one",
    "[a-\\d]": "must have a range in brackets from a character to a later one",
    "*a": "must have something to repeat before each repetition",
    "\\b+": "must have something to repeat before each repetition",
    "^*": "must have something to repeat before each repetition",
    "a**": "must not repeat a repetition without a group around it",
    "a{3,2}": "must not repeat less often than at least",
    "(?P<n>a)(?P<n>b)": "must name each group by letters and digits, each name once",
    "(?P<>a)": "must name each group by letters and digits, each name once",
    "a{6000}": "must have at most 5000 parts with repetitions written out",
    "((?:){1000}){1000}": "must have at most 5000 parts with repetitions written out",
    "a{99999999999999999999}": "must have at most 5000 parts with repetitions written out",
  };
  cases["(".repeat(1000) + ")".repeat(1000)] = "must not nest more than 100 groups";
  for (const [pattern, rule] of Object.entries(cases)) {
    const { message } = assertThrows(() => compile(pattern), SyntaxError);
    assertEquals(message, `a pattern ${rule}, found ${quote(pattern)}`);
  }
});

Deno.test("no text crashes the parser or takes long to match", () => {
  let longest = 0;
  fc.assert(
    fc.property(anyPatterns, (pattern) => {
      const started = performance.now();
      try {
        matches(pattern, "ab.q0\n".repeat(30));
      } catch (error) {
        assert(error instanceof SyntaxError, `${error}`);
      }
      longest = Math.max(longest, performance.now() - started);
    }),
    { seed: 3, numRuns: 2000 },
  );
  // Measured: 5 ms.
  assert(longest < 1000, `${longest} ms`);
});

/** Patterns with exponentially many ways to match, and the largest automata that are allowed. */
const slowest = [
  ...["(\\x61a|aa)", "(\\u0061a|aa)", "(\\x61\\x61|aa)", "(a\\x61|\\x61a)", "(\\x61a|\\u0061a)"]
    .flatMap((group) => [group.repeat(28) + "x", `${group}*x`]),
  "(a+)+x",
  "((((a*)*)*)*)*x",
  "(?:a|[ab]|a?){600}x",
  "x(?:a?){1600}",
  "(?:.*.*.*){700}x",
  "x(\\w?\\d?){950}",
  `${".*".repeat(1600)}x`,
];

/** The same for lookaheads, which only `matches` reads. */
const slowestAhead = ["(?:(?=(?:a?){20}b|a*$)a)*x", `${"(?=.*a.*a)".repeat(400)}x`];

Deno.test("every pattern that is read matches 200 characters at once, however it is written", () => {
  for (const pattern of [...slowest, ...slowestAhead]) {
    const matcher = new Matcher(pattern, (rule) => new SyntaxError(rule));
    const started = performance.now();
    assertEquals(matcher.matches("a".repeat(200)), false);
    if (slowest.includes(pattern)) assertEquals(matcher.groupOf("a".repeat(200), "idx"), undefined);
    // Measured on an idle machine: at most 20 ms.
    assert(performance.now() - started < 1000, `${pattern}: ${performance.now() - started} ms`);
  }
});

Deno.test("hostile patterns for many names end in a sentence", () => {
  const matcher = compile("(?:[ab]?){1500}(?:a[ab]{12}|b)(?:[ab]?){100}");
  const many = Array.from(
    { length: 5000 },
    (_, i) => i.toString(2).replaceAll("0", "a").replaceAll("1", "b").repeat(8),
  );
  const started = performance.now();
  const { message } = assertThrows(() => many.filter((name) => matcher.matches(name)), SyntaxError);
  assertStringIncludes(message, "a pattern must not take millions of steps to match names, found ");
  // The steps that are allowed stand for about a second; measured: 0.5 s.
  assert(performance.now() - started < 5000);
});

Deno.test("the first match in Python's order gives the group, and none takes part where it should not", () => {
  const cases: [pattern: string, text: string, group: string | undefined][] = [
    [".*?\\.(?P<n>\\d+)\\.", "a.1.b.2.c", "1"],
    [".*\\.(?P<n>\\d+)\\.", "a.1.b.2.c", "2"],
    ["(?:a|a\\.1\\.b)\\.(?P<n>\\d+)", "a.1.b.2", "1"],
    ["(?:a\\.1\\.b|a)\\.(?P<n>\\d+)", "a.1.b.2", "2"],
    ["a|(?P<n>a)", "a", ""],
    ["(?P<n>b)", "a", undefined],
    ["(?:(?P<n>[ab])c?)*", "acbc", "b"],
  ];
  for (const [pattern, text, group] of cases) {
    assertEquals(compile(pattern).groupOf(text, "n"), group, pattern);
  }
});
