/** What a declaration says: its comment, its signature, its fields. @module */

import type { Declaration } from "./sources.ts";

/** A documentation comment. */
export interface Comment {
  /** Its text without tags. */
  readonly text: string;
  /** When it throws what. */
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
  /** What it is. */
  readonly meaning: string;
}

/** The comment before a declaration. */
export function commentOf({ source: { text }, start }: Declaration): Comment {
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
export function signatureOf({ source: { text }, start }: Declaration): string {
  let depth = 0, end = start;
  for (; end < text.length; end++) {
    if ("(<[".includes(text[end])) depth++;
    else if (")]".includes(text[end]) || text[end] === ">" && text[end - 1] !== "=") depth--;
    else if (depth === 0 && "{;".includes(text[end])) break;
  }
  return text.slice(start, end).replace(/^export /, "").trim();
}

/** The fields of an interface, and the names of those that it extends. */
export function fieldsOf({ source: { text }, start }: Declaration): {
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
export function optionTypes(signature: string): string[] {
  const parameter =
    /\b(?:options|words|change|along|selection|settings)\??: (?:(?:Partial|Readonly|Omit|Pick)<)?([A-Z]\w+)/g;
  return [...signature.matchAll(parameter)].map(([, name]) => name);
}
