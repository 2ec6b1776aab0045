/**
 * A notebook's cells as one module, for the type checker. Each cell opens a block inside the one
 * before it, so that a later cell may declare a name again, as it may in the kernel.
 *
 * @module
 */

import { codeCells, type Notebook } from "../../scripts/support/notebook_file.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

/** A module and what its lines come from. */
export interface CellModule {
  text: string;
  /** For line n, counted from 1, where it is from: `cell ID, line 3`. */
  origin: readonly string[];
}

const importStatement = /^import\b[^"']*["'][^"']+["'](?:\s*with\s*\{[^}]*\})?;?/gm;
const namedImport = /^import\s+(type\s+)?\{([^}]*)\}\s*from\s*(["'][^"']+["'])/;

/** The import for each name that a statement imports; two cells may ask for the same one. */
function singleImports(statement: string): string[] {
  const [, type = "", names, from] = namedImport.exec(statement) ?? [];
  if (names === undefined) return [statement.replaceAll("\n", " ")];
  const each = names.split(",").map((name) => name.trim()).filter((name) => name !== "");
  return each.map((name) => `import ${type}{ ${name} } from ${from};`);
}

/** The module that has the types of the whole notebook. */
export function cellModule(notebook: Notebook): CellModule {
  const imports = new Map<string, string>(), body: [line: string, origin: string][] = [];
  for (const { id, source } of codeCells(notebook)) {
    const rest = source.replace(importStatement, (statement) => {
      for (const one of singleImports(statement)) imports.set(one, `cell ${id}, imports`);
      return statement.replace(/[^\n]+/g, "");
    });
    body.push(["{", `cell ${id}`]);
    rest.split("\n").forEach((line, i) => body.push([line, `cell ${id}, line ${i + 1}`]));
  }
  const blocks = body.filter(([line]) => line === "{").length;
  const lines = [...imports, ...body, ["}".repeat(blocks), "the end"], ["export {};", "the end"]];
  return {
    text: lines.map(([line]) => line).join("\n"),
    origin: ["", ...lines.map(([, from]) => from)],
  };
}

/** Errors of the type checker in the notebooks, with cells in place of lines; else "". */
export async function typeErrors(notebooks: Record<string, Notebook>): Promise<string> {
  const modules = Object.entries(notebooks).map(([name, notebook]) =>
    [name, cellModule(notebook)] as const
  );
  let errors = "";
  await withFolder(async (folder) => {
    for (const [name, { text }] of modules) await Deno.writeTextFile(`${folder}/${name}.ts`, text);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "check",
        "--quiet",
        "--config",
        "deno.json",
        ...modules.map(([name]) => `${folder}/${name}.ts`),
      ],
      cwd: rootPath,
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) errors = new TextDecoder().decode(stderr);
  });
  const origins = Object.fromEntries(modules.map(([name, { origin }]) => [name, origin]));
  return errors.replace(
    /file:\S*\/(.*?)\.ts:(\d+):\d+/g,
    (place, name, line) => origins[name] ? `${name}, ${origins[name][line]}` : place,
  );
}
