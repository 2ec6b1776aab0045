/**
 * A cell as a script: types are stripped, imports become calls, and what the cell declares is declared for
 * all cells, as in Deno's kernel. Lines stay where they are.
 *
 * @module
 */

import {
  type ExpressionStatement,
  type ImportDeclaration,
  type ModuleDeclaration,
  parse,
  type Pattern,
  type Statement,
  type VariableDeclaration,
} from "npm:acorn@8.19.0";
import { transform } from "npm:sucrase@3.35.1";

/** The name of the function that imports for a cell: none that a reader would write. */
export const importer = "$lowrankImport";

/** A cell that can be run. */
export interface CompiledCell {
  /** The body of an async function of {@link importer}, which imports; it returns the value of a last expression. */
  readonly code: string;
  /** Names that the cell declares for all cells. */
  readonly variables: readonly string[];
  /** Those that no cell may assign to afterwards. */
  readonly constants: readonly string[];
}

/**
 * Compiles a cell.
 *
 * @throws {SyntaxError} when it is no TypeScript; the message has the line.
 */
export function compileCell(source: string): CompiledCell {
  const script = withoutTypes(source), cell = new CellScript(script);
  const { body } = parse(script, { ecmaVersion: "latest", sourceType: "module" });
  for (const statement of body) cell.take(statement);
  const last = body.at(-1);
  if (last?.type === "ExpressionStatement") cell.giveBack(last);
  return cell.compiled();
}

function withoutTypes(source: string): string {
  try {
    const options = { disableESTransforms: true, keepUnusedImports: true } as const;
    return transform(source, { transforms: ["typescript"], ...options }).code;
  } catch (cause) {
    const message = (cause as Error).message.replace(/^Error transforming.*?: /, "");
    throw new SyntaxError(message, { cause });
  }
}

/** The script of a cell while it is rewritten. */
class CellScript {
  readonly #script: string;
  readonly #edits: { readonly at: number; readonly end: number; readonly text: string }[] = [];
  readonly #before: string[] = [];
  readonly #variables: string[] = [];
  readonly #constants: string[] = [];

  constructor(script: string) {
    this.#script = script;
  }

  /** Rewrites a statement at the top of the cell. */
  take(statement: Statement | ModuleDeclaration): void {
    switch (statement.type) {
      case "ImportDeclaration":
        return this.#import(statement);
      case "VariableDeclaration":
        return this.#declare(statement);
      case "FunctionDeclaration":
        this.#variables.push(statement.id.name);
        this.#before.push(`globalThis.${statement.id.name} = ${statement.id.name};`);
        return;
      case "ClassDeclaration":
        this.#variables.push(statement.id.name);
        this.#edit(statement.start, statement.start, `;${statement.id.name} = `);
        return this.#edit(statement.end, statement.end, ";");
      case "ExportNamedDeclaration":
        if (!statement.declaration) return this.#edit(statement.start, statement.end, "");
        this.#edit(statement.start, statement.declaration.start, "");
        return this.take(statement.declaration);
      case "ExportDefaultDeclaration":
      case "ExportAllDeclaration":
        throw new SyntaxError("a cell exports nothing: the next cells see what it declares");
    }
  }

  /** The value of the last expression is that of the cell. */
  giveBack({ expression: { start, end } }: ExpressionStatement): void {
    this.#edit(start, start, "return (");
    this.#edit(end, end, ")");
  }

  /** The script with all that was rewritten. */
  compiled(): CompiledCell {
    let code = "", done = 0;
    for (const { at, end, text } of this.#edits.toSorted((one, other) => one.at - other.at)) {
      code += this.#script.slice(done, at) + text;
      done = end;
    }
    const before = `"use strict"; ${this.#before.join(" ")} `;
    const [variables, constants] = [this.#variables, this.#constants];
    return { code: before + code + this.#script.slice(done), variables, constants };
  }

  #edit(at: number, end: number, text: string): void {
    // What is left out keeps its lines.
    const lines = this.#script.slice(at, end).replace(/[^\n]/g, "");
    this.#edits.push({ at, end, text: text + lines });
  }

  #import({ start, end, source, specifiers }: ImportDeclaration): void {
    const names = specifiers.map((specifier): [string, string | undefined] => {
      const { local, type } = specifier;
      if (type === "ImportNamespaceSpecifier") return [local.name, undefined];
      const { imported } = type === "ImportSpecifier" ? specifier : { imported: undefined };
      if (!imported) return [local.name, "default"];
      return [local.name, imported.type === "Identifier" ? imported.name : String(imported.value)];
    });
    const targets = names.map(([local]) => local).join(", ");
    const wanted = JSON.stringify(names.map(([, name]) => name ?? null));
    this.#before.push(
      `[${targets}] = await ${importer}(${JSON.stringify(source.value)}, ${wanted});`,
    );
    this.#variables.push(...names.map(([local]) => local));
    this.#constants.push(...names.map(([local]) => local));
    this.#edit(start, end, "");
  }

  /** `const a = 1, b = 2` becomes `(a = 1, b = 2)`; what is `using` ends with the cell, and stays its own. */
  #declare({ kind, start, declarations }: VariableDeclaration): void {
    if (kind !== "const" && kind !== "let" && kind !== "var") return;
    const names = declarations.flatMap(({ id }) => namesIn(id));
    this.#variables.push(...names);
    if (kind === "const") this.#constants.push(...names);
    this.#edit(start, declarations[0].start, ";(");
    for (const { id, init } of declarations) {
      if (!init) this.#edit(id.end, id.end, " = undefined");
    }
    const { end } = declarations.at(-1)!;
    this.#edit(end, end, ");");
  }
}

/** The names that a pattern declares. */
function namesIn(pattern: Pattern): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        namesIn(property.type === "Property" ? property.value : property)
      );
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => element ? namesIn(element) : []);
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
    default:
      return [];
  }
}
