/** Answers in parts: together they are the answer, and no part is taken back. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { textBefore, TextParts } from "../../src/serve/completions.ts";
import type { Tokenizer } from "../../src/tokenizer/mod.ts";

/** A token for each byte, as for characters that a vocabulary lacks. */
const bytes = {
  decode: (ids: Iterable<number>) => new TextDecoder().decode(Uint8Array.from(ids)),
} as Tokenizer;

const rulesOf = (separator: string, stops: readonly string[]) => ({
  tokenizer: bytes,
  format: { template: "{prompt}", endOfTextFirst: false, separator },
  stops,
});

Deno.test("the parts of an answer are the answer, whatever its characters, separator and stops", () => {
  const letters = fc.constantFrom(..."ab 😀é\u0301\n"), text = fc.string({ unit: letters });
  const stops = fc.array(fc.string({ unit: letters, minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });
  const separator = fc.constantFrom("", " ", "\n\n", "é ");
  const check = (text: string, separator: string, stops: string[], begins: boolean) => {
    const rules = rulesOf(separator, stops), parts = new TextParts(rules);
    const tokens = [...new TextEncoder().encode((begins ? separator : "") + text)],
      given: string[] = [];
    let end = 0;
    while (end < tokens.length && !textBefore(rules, tokens.slice(0, end)).isStopped) {
      given.push(parts.next(tokens.slice(0, ++end)));
    }
    const whole = textBefore(rules, tokens.slice(0, end)).text;
    assertEquals([...given, parts.last(whole)].join(""), whole);
  };
  const all = [text, separator, stops, fc.boolean()] as const;
  fc.assert(fc.property(...all, check), { seed: 1, numRuns: 2000 });
});

Deno.test("a part is given as soon as nothing can change it, and not before", () => {
  const partsOf = (text: string, separator: string, stops: readonly string[]) => {
    const parts = new TextParts(rulesOf(separator, stops)),
      tokens = [...new TextEncoder().encode(text)];
    return tokens.map((_, i) => parts.next(tokens.slice(0, i + 1)));
  };
  assertEquals(partsOf("é!", "", []), ["", "é", "!"]);
  assertEquals(partsOf(" ab", " ", []), ["", "a", "b"]);
  assertEquals(partsOf("a😀bc", "", ["xyz"]), ["", "", "", "", "a", "", "😀"]);
  assertEquals(partsOf("abcd", "", ["xyz"]), ["", "", "a", "b"]);
  assertEquals(partsOf("abxyz", "", ["xyz"]), ["", "", "a", "b", ""]);
  assert(textBefore(rulesOf("", ["xyz"]), [...new TextEncoder().encode("abxyz")]).isStopped);
});
