import { assertEquals, assertMatch } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { barText } from "../../src/terminal/progress.ts";
import { terminalJson, terminalLine, terminalText } from "../../src/core/errors.ts";

const unsafe = [
  ...Array.from({ length: 32 }, (_, code) => code),
  ...Array.from({ length: 33 }, (_, code) => 0x7f + code),
  ...[0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff],
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069],
  ...[
    0xad,
    0x34f,
    0x115f,
    0x3164,
    0x200b,
    0x200c,
    0x200d,
    0x2060,
    0xfe00,
    0xfe0f,
    0xe0001,
    0xe0061,
  ],
].map((code) => String.fromCodePoint(code));

Deno.test("characters that command a terminal, turn what is read or are not seen become visible", () => {
  for (const character of unsafe) {
    const escape = `\\u{${character.codePointAt(0)!.toString(16)}}`;
    assertEquals(terminalLine(`a${character}b`), `a${escape}b`);
    const stays = character === "\n" || character === "\t";
    assertEquals(terminalText(`a${character}b`), stays ? `a${character}b` : `a${escape}b`);
  }
  assertEquals(terminalLine("\x1b[2J\u202eevil\x9b31m"), "\\u{1b}[2J\\u{202e}evil\\u{9b}31m");
});

Deno.test("other text stays as it is: accents, Arabic, joined emoji, a non-breaking space", () => {
  for (const text of ["naïve ΔW φ", "مرحبا", "👩‍💻 日本語", "12\u00a0kB", "h.0…11.attn"]) {
    assertEquals(terminalLine(text), text);
  }
  const joined = ["می\u200cخواهم", "क्\u200dष", "❤\ufe0f\u200d🔥", "👩🏽\u200d💻", "1\ufe0f\u20e3"];
  for (const text of joined) {
    assertEquals(terminalLine(text), text);
  }
});

Deno.test("what is made visible is all that needs it: a second time changes nothing", () => {
  const near = ["é", "e\u0301", "م", "क्", "❤", "🏽", "1", "\u20e3", "\ufe0f", "\u200d", "\u115f"];
  const texts = fc.string({ unit: fc.constantFrom(...unsafe, ...near, ...near) });
  fc.assert(fc.property(texts, (text) => {
    assertEquals(terminalLine(terminalLine(text)), terminalLine(text));
  }));
});

Deno.test("JSON for a terminal is the same document, in plain characters", () => {
  const words = fc.string({ unit: fc.oneof(fc.constantFrom(...unsafe), fc.string()) });
  fc.assert(fc.property(fc.dictionary(words, words), (document) => {
    const text = terminalJson(document);
    assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(document)));
    assertEquals(terminalLine(text), text);
  }));
});

Deno.test("a progress bar cannot be titled or labeled with commands", () => {
  assertMatch(barText("a\x1b[2J", 0.5, "b\rc", 1000), /^a\\u\{1b\}\[2J [█░]+ 50% b\\u\{d\}c, 1 s$/);
});
