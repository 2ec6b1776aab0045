/** Options that errors are about, which survive what wraps an error. */

import { assertEquals } from "@std/assert";
import { about, optionsSaidBy } from "../../src/core/errors.ts";

const allow = { option: "allow", value: "nonFinite", words: 'allow: ["nonFinite"]' } as const;

Deno.test("an error says the options of its own sentence, else those of its cause", () => {
  const error = about(new RangeError('allow: ["nonFinite"] lets it pass'), allow);
  assertEquals(optionsSaidBy(error), [allow]);
  const outer = new Error(`cannot go on: ${error.message}`, { cause: error });
  assertEquals(optionsSaidBy(new Error("a", { cause: outer })), [allow]);
  const own = { option: "dtype", words: "the dtype" } as const;
  assertEquals(optionsSaidBy(about(new Error("leave out the dtype", { cause: error }), own)), [
    own,
  ]);
});

Deno.test("other errors, and what is none, say no options", () => {
  for (const one of [new Error("a"), new Error("a", { cause: "b" }), "a", undefined]) {
    assertEquals(optionsSaidBy(one), []);
  }
});

Deno.test("an error with options has no more fields, and its class and message", () => {
  const error = about(new RangeError("a"), allow);
  assertEquals([error.name, error.message, Object.keys(error)], ["RangeError", "a", []]);
});
