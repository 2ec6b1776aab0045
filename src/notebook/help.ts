/**
 * The documentation of a function or class in a cell, read from the package's own sources.
 *
 * @module
 */

import { quote } from "../core/errors.ts";
import type { DataTable } from "../figures/figure.ts";
import { table } from "../figures/table.ts";
import type { Part } from "./part.ts";
import { show } from "./show.ts";

// Help.

/**
 * Shows the documentation of a function, a class, an object of a class, or a name of the package: signature,
 * what it does, options, errors and an example. It is read from the package's sources.
 *
 * @throws {RangeError} when the package exports nothing of that name.
 *
 * @example
 * ```ts
 * import { injectLora } from "@lowrank/core";
 * import { help } from "@lowrank/core/notebook";
 *
 * await help(injectLora);
 * ```
 */
export async function help(what: unknown): Promise<void> {
  await show(await helpParts(what));
}

/** The parts that {@link help} shows. */
export async function helpParts(what: unknown): Promise<Part[]> {
  const name = nameOf(what), found = name === undefined ? undefined : await findExport(name);
  if (!found) {
    throw new RangeError(
      "help needs a function or a class that the package exports, or its name, found " +
        quote(name ?? what),
    );
  }
  const { text, throws, example } = commentOf(found), signature = signatureOf(found);
  const fields = await optionsOf(found, signature);
  return [
    signature,
    text,
    ...fields.length > 0 ? [optionTable(name!, fields)] : [],
    ...throws.length > 0 ? [throws.map((line) => `throws ${line}`).join("\n")] : [],
    ...example ? [`Example\n\n${example}`] : [],
  ];
}

function nameOf(what: unknown): string | undefined {
  const object = typeof what === "object" && what ? what.constructor : what;
  const name = typeof object === "function" ? object.name : object;
  return typeof name === "string" && /^\w+$/.test(name) ? name : undefined;
}

async function optionsOf(declaration: Declaration, signature: string): Promise<Field[]> {
  const fields: Field[] = [];
  for (const type of optionTypes(signature)) {
    fields.push(...await fieldsFrom(declaration, type));
  }
  return fields;
}

/** The fields of an interface and of those that it extends, each name once. */
async function fieldsFrom({ source }: Declaration, type: string): Promise<Field[]> {
  const found = await findFrom(source, type);
  if (!found) return [];
  const { fields, parents } = fieldsOf(found);
  for (const parent of parents) {
    const known = new Set(fields.map(({ name }) => name.replace("?", "")));
    const more = await fieldsFrom(found, parent);
    fields.push(...more.filter(({ name }) => !known.has(name.replace("?", ""))));
  }
  return fields;
}

function optionTable(name: string, fields: readonly Field[]): DataTable {
  return table({
    id: "options",
    title: `Options of ${name}; those with a question mark may be left out`,
    columns: [
      ["name", "option", "text"],
      ["type", "type", "text"],
      ["meaning", "meaning", "text"],
    ],
    rows: fields,
  });
}

// Comments and fields.

/** A documentation comment. */
export interface Comment {
  /** Its text without tags. */
  readonly text: string;
  /** The errors that it throws, with their conditions. */
  readonly throws: readonly string[];
  /** Its first example, if it has one. */
  readonly example?: string;
}

/** A field of an interface. */
export interface Field {
  /** Its name, with a question mark if it may be left out. */
  readonly name: string;
  /** Its type. */
  readonly type: string;
  /** Its meaning. */
  readonly meaning: string;
}

/** The comment before a declaration. */
function commentOf({ source: { text }, start }: Declaration): Comment {
  const before = text.slice(0, start).trimEnd();
  if (!before.endsWith("*/")) return { text: "", throws: [] };
  return parseComment(before.slice(before.lastIndexOf("/**")));
}

function parseComment(comment: string): Comment {
  const plain = comment.replace(/^\/\*\*|\*\/$/g, "").replaceAll(/^[ \t]*\* ?/gm, "")
    .replaceAll(/\{@link (?:[^}|]*\|)?\s*([^}]+)\}/g, "$1").trim();
  const [text, ...tags] = plain.split(/^@/m);
  const example = tags.map((tag) => /^example[^]*?```ts[^\n]*\n([^]*?)```/.exec(tag)?.[1]);
  return {
    text: text.trim(),
    throws: tags.flatMap((tag) =>
      /^throws ([^]*)/.exec(tag)?.[1].trim().replaceAll(/\s+/g, " ") ?? []
    ),
    example: example.find((code) => code !== undefined)?.trimEnd(),
  };
}

/** The signature of a function, or the head of a class. */
function signatureOf({ source: { text }, start }: Declaration): string {
  let depth = 0, end = start;
  for (; end < text.length; end++) {
    if ("(<[".includes(text[end])) depth++;
    else if (")]".includes(text[end]) || text[end] === ">" && text[end - 1] !== "=") depth--;
    else if (depth === 0 && "{;".includes(text[end])) break;
  }
  return text.slice(start, end).replace(/^export /, "").trim();
}

/** The fields of an interface, and the names of those that it extends. */
function fieldsOf({ source: { text }, start }: Declaration): {
  fields: Field[];
  parents: string[];
} {
  const open = text.indexOf("{", start), close = text.indexOf("\n}", open);
  const head = text.slice(start, open),
    body = text.slice(open + 1, close < open ? open + 1 : close);
  const member = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s+(?:readonly )?(\w+)(\?)?: ([^;]+);/g;
  const fields = [...body.matchAll(member)].map(([, comment, name, isOptional, type]) => ({
    name: name + (isOptional ?? ""),
    type: type.replaceAll(/\s+/g, " "),
    meaning: parseComment(`/**${comment}*/`).text.replaceAll(/\s+/g, " "),
  }));
  const names = head.split(/\bextends\b/)[1]?.match(/\b[A-Z]\w+/g) ?? [];
  return { fields, parents: names };
}

/** The names of the interfaces of a function's records of options. */
function optionTypes(signature: string): string[] {
  const parameter =
    /\b(?:options|words|change|along|selection|settings)\??: (?:(?:Partial|Readonly|Omit|Pick)<)?([A-Z]\w+)/g;
  return [...signature.matchAll(parameter)].map(([, name]) => name);
}

// Sources.

/** A source file. */
export interface Source {
  /** Address of the file. */
  readonly url: string;
  /** Its text. */
  readonly text: string;
}

/** A declaration in a source file. */
export interface Declaration {
  /** The file. */
  readonly source: Source;
  /** Start of the declaration there, at `export`, `interface` or the like. */
  readonly start: number;
}

const folders =
  ("adapt train models data tokenizer autograd nn device runs formats architectures " +
    "accounting paper figures analysis inspect lesson quant notebook").split(" ");

/** The entries of `deno.json`, without extension, in the order in which they are searched. */
export const entries: readonly string[] = [
  "mod",
  ...folders.map((name) => `src/${name}/mod`),
  "kernels/mod",
  "experiments/mod",
];

const root = new URL("../../", import.meta.url);
const extension = import.meta.url.endsWith(".js") ? ".js" : ".ts";

const read = new Map<string, Promise<Source>>();

/** Reads a source file once. */
function readSource(url: string): Promise<Source> {
  const found = read.get(url);
  if (found) return found;
  const reading = fetch(url).then(async (response) => ({ url, text: await response.text() }));
  read.set(url, reading);
  return reading;
}

/** The declaration of a name that the package exports. */
async function findExport(name: string): Promise<Declaration | undefined> {
  for (const entry of entries) {
    const found = await findIn(new URL(entry + extension, root).href, name);
    if (found) return found;
  }
}

/** The declaration of a name that a file declares or imports. */
async function findFrom(source: Source, name: string): Promise<Declaration | undefined> {
  const start = declarationAt(source.text, name);
  if (start >= 0) return { source, start };
  const target = targetOf(source, "import", name);
  return target && await findIn(target.url, target.name);
}

async function findIn(url: string, name: string): Promise<Declaration | undefined> {
  const source = await readSource(url), start = declarationAt(source.text, name);
  if (start >= 0) return { source, start };
  const target = targetOf(source, "export", name);
  if (target) return await findIn(target.url, target.name);
  for (const [, from] of source.text.matchAll(/^export \* from "([^"]+)"/gm)) {
    const found = await findIn(new URL(from, url).href, name);
    if (found) return found;
  }
}

const kinds = "(?:async )?function\\*? |(?:abstract )?class |interface |const |type ";

function declarationAt(text: string, name: string): number {
  return text.search(new RegExp(`^(?:export )?(?:${kinds})${name}\\b`, "m"));
}

/** The file that a name is imported from, or exported again from, and its name there. */
function targetOf({ url, text }: Source, word: string, name: string) {
  const lists = text.matchAll(new RegExp(`^${word} (?:type )?\\{([^}]*)\\} from "([^"]+)"`, "gm"));
  for (const [, names, from] of lists) {
    const all = names.split(",").map((one) => one.trim().replace(/^type /, "").split(" as "));
    const found = all.find((pair) => pair.includes(name));
    if (found && /^\.\.?\//.test(from)) return { url: new URL(from, url).href, name: found[0] };
  }
}
