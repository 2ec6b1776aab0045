/** `import { … } from "@lowrank/core"` in notebooks of another folder. @module */

import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { root, rootPath } from "./support/source_files.ts";

/**
 * Writes a `deno.json` that links this clone into a folder that has none, and says so; says what to add to one
 * that does not link it. `undefined` where all is well: in the project, or below a folder that links it.
 */
export function linkClone(folder: string): string | undefined {
  const config = nearestConfig(folder);
  if (config !== undefined && linksClone(config)) return undefined;
  const text = `${JSON.stringify({ links: [rootPath], lock: false }, null, 2)}\n`;
  if (config !== undefined && dirname(config) === folder) {
    return `${config} does not say where @lowrank/core is; for notebooks there, add to it:\n${text}`;
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

/**
 * True if one of the strings in it, in `links` or `imports`, is the place of this clone or of its
 * first entry.
 */
function linksClone(path: string): boolean {
  const folder = pathToFileURL(`${dirname(path)}/`);
  if (folder.href === root.href) return true;
  const places = [root.href.replace(/\/$/, ""), root.href, new URL("mod.ts", root).href];
  return [...Deno.readTextFileSync(path).matchAll(/"([^"]+)"/g)]
    .some(([, text]) => places.includes(URL.parse(text, folder)?.href ?? ""));
}
