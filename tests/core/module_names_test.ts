import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  isNamed,
  listNames,
  NameEndings,
  NameEndMap,
  nameTwice,
} from "../../src/core/module_names.ts";
import { assertLinear } from "../support/growth.ts";

/** Names of few parts, so that many are the end of another. */
const names = fc.array(
  fc.array(fc.constantFrom("a", "b", "", "é", "\u{1d49c}"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(".")),
  { maxLength: 12 },
);

Deno.test("a name finds the values of all names that are its end, each name's first", () =>
  fc.assert(
    fc.property(names, names, (list, asked) => {
      const ends = new NameEndMap<number>();
      list.forEach((name, i) => ends.add(name, i));
      for (const name of asked) {
        const expected = [...new Set(list)].filter((one) => isNamed(name, one));
        expected.sort((a, b) => a.length - b.length);
        assertEquals(ends.find(name), expected.map((one) => list.indexOf(one)));
      }
    }),
    { numRuns: 300, seed: 1 },
  ));

Deno.test("looking a name of many parts up takes a time that is linear in its length", () =>
  assertLinear(20_000, (parts) => {
    const ends = new NameEndMap<number>(), name = "a.".repeat(parts) + "a";
    ends.add(name, 1);
    return () => assertEquals(ends.find(name), [1]);
  }));

Deno.test("names that end with another or that it ends with are those of a search through all", () =>
  fc.assert(
    fc.property(names, names, (list, asked) => {
      const endings = new NameEndings(list), all = [...new Set(list)];
      for (const name of asked) {
        const expected = all.filter((one) => isNamed(one, name) || isNamed(name, one));
        const found = endings.find(name);
        assertEquals(found.length, Math.min(2, expected.length));
        assertEquals(found.filter((one) => !expected.includes(one)), []);
        assertEquals(new Set(found).size, found.length);
      }
    }),
    { numRuns: 300, seed: 1 },
  ));

Deno.test("a name that comes twice is found, and none among different ones", () => {
  assertEquals(nameTwice(["a", "b", "a", "b"]), "a");
  assertEquals(nameTwice(["b", "a", "a", "b"]), "a");
  assertEquals(nameTwice(["a", "b"]), undefined);
});

Deno.test("names are listed with their numbers folded, and a sentence stays one", () => {
  assertEquals(listNames(["h.2.a", "h.0.a", "h.1.a", "b"]), "h.0…2.a, b");
  assertEquals(listNames(["h.4.a", "h.0.a", "h.4.a"]), "h.{4,0}.a");
  assertEquals(listNames(["h.3.a", "h.3.a"]), "h.3.a");
  const many = Array.from({ length: 150_000 }, (_, i) => `h.${i}.a`);
  assertEquals(listNames(many), "h.0…149999.a");
  const even = listNames(many.filter((_, i) => i % 2 === 0));
  assertEquals(even.startsWith("h.{0,2,4,") && even.endsWith(",… (75000 in all)}.a"), true);
  const different = listNames(Array.from({ length: 150_000 }, (_, i) => `n${i}`));
  assertEquals(different.endsWith("n31, … (150000 in all)"), true);
});

Deno.test("looking names up takes a time that is linear in them", () =>
  assertLinear(2000, (count) => {
    const list = Array.from({ length: count }, (_, i) => `model.layers.${i}.proj`);
    const asked = list.map((name) => `base.${name}`);
    return () => {
      const endings = new NameEndings(list);
      listNames(list);
      nameTwice(list);
      for (const name of asked) if (endings.find(name).length !== 1) throw new Error(name);
    };
  }));
