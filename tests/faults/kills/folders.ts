/** The files of folders, compared. @module */

import { join } from "node:path";

/** The bytes of every file below a folder by their paths, without temporary files; none if there is no folder. */
export async function contentsOf(folder: string, below = ""): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const entries = await Array.fromAsync(Deno.readDir(join(folder, below))).catch(() => []);
  for (const { name, isDirectory } of entries) {
    const path = join(below, name);
    if (name.endsWith(".tmp")) continue;
    if (!isDirectory) found.set(path, await Deno.readFile(join(folder, path)));
    else for (const [inner, bytes] of await contentsOf(folder, path)) found.set(inner, bytes);
  }
  return found;
}

/** True if two files have the same bytes; a file that is missing has none. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length &&
    a.every((byte, i) => byte === b[i]);
}

/** True if both have the same files with the same bytes. */
export function sameContents(
  a: ReadonlyMap<string, Uint8Array>,
  b: ReadonlyMap<string, Uint8Array>,
): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => sameBytes(bytes, b.get(name)));
}
