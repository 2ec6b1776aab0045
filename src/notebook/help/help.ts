/** The documentation of a function or class, in a cell. @module */

import { quote } from "../../core/quote.ts";
import type { DataTable } from "../../figures/figure.ts";
import { table } from "../../figures/table.ts";
import type { Part } from "../part.ts";
import { show } from "../show.ts";
import { commentOf, type Field, fieldsOf, optionTypes, signatureOf } from "./parse.ts";
import { type Declaration, findExport, findFrom } from "./sources.ts";

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

/** What {@link help} shows. */
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
