/**
 * The public names and signatures, from `deno doc --json` of each entry by itself.
 *
 * Left out: files, lines, where a type comes from (`resolution`), how a symbol is exported, whether a
 * function has a body, and the order of declarations, members and members of a union. Docs are hashed apart. Where a
 * signature names a type that no entry exports, the hash `open` has `_` in its place: a private type that was only
 * renamed changes `strict` alone, and is noted.
 *
 * @module
 */

import { deno, digest, entries, entry, fourAtATime } from "./places.ts";

// deno-lint-ignore no-explicit-any -- the JSON of deno doc
type Node = any;

const leftOut = new Set([
  "location",
  "resolution",
  "declarationKind",
  "jsDoc",
  "hasBody",
  "isOverride",
]);

/** A declaration without what moving changes; `rename` is applied to the names of types. */
function normalized(node: Node, rename: (name: string) => string): Node {
  if (Array.isArray(node)) return node.map((one) => normalized(one, rename));
  if (node === null || typeof node !== "object") return node;
  const made: Node = {};
  for (const key of Object.keys(node).sort()) {
    if (leftOut.has(key) || (key === "repr" && node.kind === "typeRef")) continue;
    const value = normalized(node[key], rename);
    made[key] = key === "typeName" || key === "extends" && typeof value === "string"
      ? rename(value)
      : value;
  }
  if (node.kind === "union" && Array.isArray(made.value)) made.value = sorted(made.value);
  return made;
}

const sorted = (list: Node[]): Node[] =>
  [...list].sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** The docs of a declaration and of all in it, in the order of the members' names. */
function docsOf(node: Node): string[] {
  if (Array.isArray(node)) return node.flatMap(docsOf);
  if (node === null || typeof node !== "object") return [];
  const own = node.jsDoc === undefined ? [] : [`${node.name ?? ""}: ${JSON.stringify(node.jsDoc)}`];
  const inside = Object.entries(node).filter(([key]) => key !== "jsDoc").flatMap(([, value]) =>
    docsOf(value)
  );
  return [...own, ...inside].sort();
}

const memberLists = ["properties", "methods", "constructors", "indexSignatures", "callSignatures"];

/** A declaration as parts: its members by name, and the rest as "". */
function partsOf(declaration: Node): [string, Node][] {
  const def = declaration.def ?? {}, parts: [string, Node][] = [];
  const rest = { ...def };
  for (const list of memberLists) {
    if (!Array.isArray(def[list])) continue;
    delete rest[list];
    for (const member of def[list]) {
      if (member.accessibility === "private") continue;
      const name = member.name ?? list;
      parts.push([`.${name}`, { list, member }]);
    }
  }
  return [["", { kind: declaration.kind, def: rest }], ...parts];
}

/** One public symbol. */
interface Frozen {
  readonly entries: string[];
  readonly kind: string;
  /** Hashes of the symbol ("") and of its members: `strict`, and `open` where that is another. */
  readonly parts: Record<string, string>;
  readonly doc: string;
}

/** Everything public. */
export interface Api {
  readonly symbols: Record<string, Frozen>;
  /** Types that signatures name and no entry exports: TypeScript's own, and private ones. */
  readonly unexported: string[];
  /** Values that each entry exports at run time: kind, and a hash of values that are data. */
  readonly values: Record<string, Record<string, string>>;
}

/** Reads it. */
export async function readApi(): Promise<Api> {
  const names = Object.keys(entries);
  const docs = await fourAtATime(names, async (name) => {
    const nodes = JSON.parse(await deno(["doc", "--json", entries[name]])).nodes;
    return Object.values<Node>(nodes)[0].symbols as Node[];
  });
  const exported = new Set(docs.flat().map(({ name }) => name)), unexported = new Set<string>();
  const open = (name: string) => {
    if (exported.has(name.split(".")[0])) return name;
    unexported.add(name);
    return name in globalThis || standard.has(name) ? name : "_";
  };
  const symbols: Record<string, Frozen> = {};
  for (const [i, list] of docs.entries()) {
    for (const { name, declarations } of list) {
      const made = await frozen(declarations, open);
      const key = symbols[name] === undefined || same(symbols[name], made)
        ? name
        : `${name} of ${names[i]}`;
      symbols[key] ??= made;
      symbols[key].entries.push(names[i]);
    }
  }
  return { symbols, unexported: [...unexported].sort(), values: await valuesOf(names) };
}

const standard = new Set(
  ("Readonly Partial Pick Omit Record Exclude Extract Parameters ReturnType Awaited Required NonNullable Iterable " +
    "Iterator AsyncIterable AsyncGenerator Generator IterableIterator AsyncIterableIterator ArrayLike ReadonlyArray " +
    "ReadonlyMap ReadonlySet PromiseLike Disposable AsyncDisposable const T").split(" "),
);

const same = (one: Frozen, other: Frozen) =>
  JSON.stringify([one.kind, one.parts]) === JSON.stringify([other.kind, other.parts]);

async function frozen(declarations: Node[], open: (name: string) => string): Promise<Frozen> {
  const found = new Map<string, Node[]>();
  for (const declaration of declarations) {
    for (const [name, part] of partsOf(declaration)) {
      found.set(name, [...found.get(name) ?? [], part]);
    }
  }
  const parts: Record<string, string> = {};
  for (const name of [...found.keys()].sort()) {
    const strict = await digest(JSON.stringify(normalized(found.get(name), (type) => type)));
    const loose = await digest(JSON.stringify(normalized(found.get(name), open)));
    parts[name] = [...new Set([strict.slice(0, 12), loose.slice(0, 12)])].join(" ");
  }
  const kind = declarations.map((one) => one.kind).join(" ");
  const doc = await digest(docsOf(declarations).join("\n"));
  return { entries: [], kind, parts, doc: doc.slice(0, 12) };
}

async function valuesOf(names: readonly string[]): Promise<Api["values"]> {
  const values: Api["values"] = {};
  for (const name of names) {
    const own: Record<string, string> = values[name] = {}, module = await entry(name);
    for (const key of Object.keys(module).sort()) own[key] = await valueOf(module[key]);
  }
  return values;
}

async function valueOf(value: unknown): Promise<string> {
  if (typeof value === "function") {
    return `${/^class\b/.test(String(value)) ? "class" : "function"} of ${value.length}`;
  }
  return `${typeof value} ${await digest(JSON.stringify(value, plain) ?? "undefined")}`;
}

const plain = (_: string, value: unknown) =>
  typeof value === "bigint"
    ? `${value}n`
    : value instanceof Map || value instanceof Set
    ? [...value]
    : ArrayBuffer.isView(value)
    ? Array.from(value as Float32Array)
    : value;

/** Differences, a line each; those that begin with "note" are no failures. */
export function compareApi(old: Api, now: Api): string[] {
  const lines: string[] = [];
  for (const name of keysOf(old.symbols, now.symbols)) {
    const [one, other] = [old.symbols[name], now.symbols[name]];
    if (other === undefined) lines.push(`${name} is gone from ${one.entries.join(", ")}`);
    else if (one === undefined) lines.push(`${name} is new in ${other.entries.join(", ")}`);
    else lines.push(...compareSymbol(name, one, other));
  }
  for (const entry of keysOf(old.values, now.values)) {
    const [one = {}, other = {}] = [old.values[entry], now.values[entry]];
    for (const name of keysOf(one, other)) {
      if (one[name] === other[name]) continue;
      lines.push(
        `the value ${name} of ${entry} was ${one[name] ?? "absent"}, is ${other[name] ?? "absent"}`,
      );
    }
  }
  return lines;
}

function compareSymbol(name: string, old: Frozen, now: Frozen): string[] {
  const lines: string[] = [];
  const places = (of: Frozen) => [...of.entries].sort().join(", ");
  if (places(old) !== places(now)) {
    lines.push(`${name} was in ${places(old)}, is in ${places(now)}`);
  }
  if (old.kind !== now.kind) lines.push(`${name} was ${old.kind}, is ${now.kind}`);
  for (const part of keysOf(old.parts, now.parts)) {
    const [one, other] = [old.parts[part], now.parts[part]];
    if (one === other) continue;
    if (other === undefined) lines.push(`${name}${part} is gone`);
    else if (one === undefined) lines.push(`${name}${part} is new`);
    else if (one.split(" ").at(-1) === other.split(" ").at(-1)) {
      lines.push(`note: ${name}${part} names a private type by another name`);
    } else lines.push(`${name}${part} has another signature`);
  }
  if (old.doc !== now.doc) lines.push(`note: ${name} has another doc`);
  return lines;
}

/** Keys of both, sorted. */
export const keysOf = (one: object, other: object): string[] =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
