/** JSON that a person has written. */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { duplicateKey, parseUniqueJson } from "../../src/core/checks.ts";

const parse = (text: string) => parseUniqueJson(new TextEncoder().encode(text));

Deno.test("a name that occurs twice in an object is refused by name, however it is written", () => {
  const cases: readonly [text: string, found: string][] = [
    ['{"a": 1, "a": 2}', '"a"'],
    ['{"a": 1, "b": {"a": 1}, "a" : 1}', '"a"'],
    ['[{"a": {"b": 1, "c": [{}, 2], "b": 1}}]', '"b"'],
    ['{"a": 1, "\\u0061": 2}', '"a"'],
    ['{"\\\\": 1, "\\\\": 2}', '"\\\\"'],
    ['{"": 1, "":\n2}', '""'],
    ['{"__proto__": 1, "__proto__"\n: 2}', '"__proto__"'],
  ];
  for (const [text, found] of cases) {
    assertThrows(() => parse(text), SyntaxError, `names must be unique, found ${found} twice`);
  }
});

Deno.test("what no object has twice is read as it is", () => {
  const texts = [
    '[{"a": 1}, {"a": 2}]',
    '{"a": {"a": {"a": 1}}}',
    '{"a": "a", "b": "\\"a\\": 1, {", "c": ["a", "a"]}',
    '{"a\\\\": "}", "a": "\\\\"}',
  ];
  for (const text of texts) assertEquals(parse(text), JSON.parse(text));
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    assertEquals(duplicateKey(JSON.stringify(value)), undefined);
  }));
});

Deno.test("a text of millions of escapes is read in little time", () => {
  const text = JSON.stringify({ text: '\n"\\'.repeat(2 ** 21), more: "" });
  assertEquals(parse(text), JSON.parse(text));
});
