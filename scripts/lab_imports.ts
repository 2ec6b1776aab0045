/** `import { … } from "@lowrank/core"` in notebooks of another folder. @module */

import { dirname } from "node:path";
import { root, rootPath } from "../tests/support/source_files.ts";

/**
 * Writes a `deno.json` that maps our entries into a folder that has none, and says so; says what to add to one
 * that does not map them. `undefined` where all is well: in the project, or below a folder that maps them.
 */
export function mapEntries(folder: string): string | undefined {
  const config = nearestConfig(folder);
  if (config !== undefined && mapsEntries(config)) return undefined;
  const text = `${JSON.stringify({ imports: entries(), lock: false }, null, 2)}\n`;
  if (config !== undefined && dirname(config) === folder) {
    return `${config} does not map @lowrank/core; for notebooks there, add to it:\n${text}`;
  }
  Deno.writeTextFileSync(`${folder}/deno.json`, text, { createNew: true });
  return `wrote ${folder}/deno.json, so that notebooks there find @lowrank/core`;
}

/** The configuration that a kernel in this folder reads. */
function nearestConfig(folder: string): string | undefined {
  const own = ["deno.json", "deno.jsonc"].map((name) => `${folder}/${name}`).find(isFile);
  const above = dirname(folder);
  return own ?? (above === folder ? undefined : nearestConfig(above));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function mapsEntries(path: string): boolean {
  return `${dirname(path)}/` === rootPath ||
    /"@lowrank\/core"\s*:/.test(Deno.readTextFileSync(path));
}

/** Every entry by its name; URLs, so that the folder can be moved. */
function entries(): Record<string, string> {
  const { name, exports } = JSON.parse(Deno.readTextFileSync(`${rootPath}deno.json`));
  return Object.fromEntries(
    Object.entries<string>(exports).map(([entry, file]) => [
      name + entry.slice(1),
      new URL(file, root).href,
    ]),
  );
}
