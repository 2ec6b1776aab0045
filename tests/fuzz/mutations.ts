/** Good input corrupted: edits of JSON trees, of numbers and of bytes. @module */

import fc from "npm:fast-check@4.10.2";

/** JSON as a tree whose leaves and keys are raw text, so that it may also be what no object can be. */
type Tree = string | { readonly open: "{" | "["; readonly items: Item[] };

/** A member of an object, or of a list, where the key is not printed. */
interface Item {
  key: string;
  value: Tree;
}

interface Edit {
  readonly how: "replace" | "remove" | "repeat" | "rename" | "insert" | "copy";
  readonly at: number;
  readonly from: number;
  readonly key: string;
  readonly token: string;
}

/** Replacements of a value: raw JSON text, some of which is not JSON. */
const hostileTokens = [
  ...["null", "true", "false", "0", "-0", "1", "-1", "2", "3", "0.5", "1.5", "1e308", "1e999"],
  ...["-1e999", "1e-320", "4294967296", "9007199254740992", "1e9", "2147483648", "NaN", "0x10"],
  ...['""', '"a"', '"\\u0000"', '"\\n"', '"\\u001b[31mred"', '"\\u202etxt"', '"__proto__"'],
  ...['"constructor"', '"\\ud800"', '"1"', '"../../x"', "[]", "[[]]", "{}", '[""]', "[null]"],
  ...['{"__proto__":1}', '{"length":3}', "[1e999]", "[1,2,3]", '["a","a"]', '"ÿ🎈"'],
  `"${"long ".repeat(400)}"`,
  "[".repeat(500) + "]".repeat(500),
];

const hostileKeys = ['"__proto__"', '"constructor"', '""', '"a"', '"\\u0007"', '"toString"', '"0"'];

/** Values and keys of a kind's own to put in place of others, as values that become JSON. */
export interface Seasoning {
  readonly values?: readonly unknown[];
  readonly keys?: readonly string[];
}

/** The bytes of JSON files: good values with up to three edits, some of them with corrupted bytes. */
export function jsonFiles(
  good: fc.Arbitrary<unknown>,
  { values = [], keys = [] }: Seasoning = {},
): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const own = values.map((value) => JSON.stringify(value));
  const edit: fc.Arbitrary<Edit> = fc.record({
    how: fc.constantFrom(
      "replace",
      "replace",
      "replace",
      "remove",
      "repeat",
      "rename",
      "insert",
      "copy",
    ),
    at: fc.nat(1e6),
    from: fc.nat(1e6),
    key: fc.constantFrom(...hostileKeys, ...keys.map((key) => JSON.stringify(key))),
    token: pick(hostileTokens, own),
  });
  return fc.tuple(good, fc.array(edit, { maxLength: 3 }), rareByteEdits()).map(
    ([value, edits, corrupt]) => {
      const tree = { open: "[" as const, items: [{ key: "", value: treeOf(value) }] };
      for (const edit of edits) apply(edit, tree);
      return corrupt(new TextEncoder().encode(print(tree.items[0]?.value ?? "")));
    },
  );
}

/** Of two lists, each as often as the other unless it is empty. */
function pick<T>(general: readonly T[], own: readonly T[]): fc.Arbitrary<T> {
  if (own.length === 0) return fc.constantFrom(...general);
  return fc.oneof(fc.constantFrom(...general), fc.constantFrom(...own));
}

function treeOf(value: unknown): Tree {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const open = Array.isArray(value) ? "[" : "{";
  const items = Object.entries(value).filter(([, item]) => item !== undefined)
    .map(([key, item]) => ({ key: JSON.stringify(key), value: treeOf(item) }));
  return { open, items };
}

function print(tree: Tree): string {
  if (typeof tree === "string") return tree;
  const { open, items } = tree;
  const parts = items.map(({ key, value }) => (open === "{" ? `${key}:` : "") + print(value));
  return open + parts.join(",") + (open === "{" ? "}" : "]");
}

/** Every member of the tree with the list that it is in, from the outside inwards. */
function membersOf(tree: Tree): { items: Item[]; index: number }[] {
  if (typeof tree === "string") return [];
  const { items } = tree;
  return items.flatMap(({ value }, index) => [{ items, index }, ...membersOf(value)]);
}

function apply({ how, at, from, key, token }: Edit, tree: Tree): void {
  const members = membersOf(tree);
  if (members.length === 0) return;
  const { items, index } = members[at % members.length], other = members[from % members.length];
  const item = items[index];
  if (how === "remove") items.splice(index, 1);
  else if (how === "repeat") items.splice(index, 0, structuredClone(item));
  else if (how === "insert") items.splice(index, 0, { key, value: token });
  else if (how === "rename") items[index] = { ...item, key };
  else if (how === "copy") {
    items[index] = { ...item, value: structuredClone(other.items[other.index].value) };
  } else items[index] = { ...item, value: token };
}

type Corrupt = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** Up to three edits of single bytes and spans. */
export function byteEdits(): fc.Arbitrary<Corrupt> {
  const edit = fc.record({
    how: fc.constantFrom("set", "flip", "cut", "end", "repeat", "insert"),
    at: fc.nat(1e6),
    length: fc.integer({ min: 1, max: 16 }),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 255, 34, 44, 91, 92, 93, 123, 125)),
  });
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => (bytes) =>
    edits.reduce((corrupted, { how, at, length, byte }) => {
      const place = at % (corrupted.length + 1), after = place + length;
      const insert = (more: Uint8Array, from = place) =>
        concatenate(corrupted.subarray(0, place), more, corrupted.subarray(from));
      if (how === "end") return corrupted.slice(0, place);
      if (how === "cut") return insert(new Uint8Array(), after);
      if (how === "repeat") return insert(corrupted.slice(place, after));
      if (how === "insert") return insert(new Uint8Array(length).fill(byte));
      return insert(
        Uint8Array.of(how === "set" ? byte : corrupted[place] ^ (1 << byte % 8)),
        place + 1,
      );
    }, bytes)
  );
}

/** {@link byteEdits}, but in four of five inputs none. */
export function rareByteEdits(): fc.Arbitrary<Corrupt> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant<Corrupt>((bytes) => bytes) }, {
    weight: 1,
    arbitrary: byteEdits(),
  });
}

/** Pieces of bytes as one. */
export function concatenate(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) whole.set(part, offset), offset += part.length;
  return whole;
}

/** Pieces of text that patterns, names and other texts are made of. */
export function texts(pieces: readonly string[], maxLength = 8): fc.Arbitrary<string> {
  const odd = ["\u0000", "\n", "\u001b[2J", "\u202e", "\u2028", "\ud83c\udf88", "é", '"', "\\"];
  const piece = fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...pieces) }, {
    weight: 1,
    arbitrary: fc.constantFrom(...odd),
  });
  return fc.array(piece, { maxLength }).map((parts) => parts.join(""));
}
