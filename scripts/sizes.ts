/**
 * Sizes of what others load, in bytes: `deno task sizes` prints a table.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { grouped } from "../src/core/numbers.ts";
import { rootPath } from "./support/source_files.ts";
import { bundle } from "./bundle.ts";

/** A program for a browser, and the most bytes that it may have, shortened and compressed. */
export interface BrowserImport {
  readonly what: string;
  readonly program: string;
  readonly most: number;
}

/** The imports that are measured, with the goals of issue 22. */
export const browserImports: readonly BrowserImport[] = [
  {
    what: "readAdapter and spectrum",
    program: `export { readAdapter } from "ROOTsrc/formats/mod.ts";
export { spectrum } from "ROOTsrc/analysis/mod.ts";`,
    most: 60_000,
  },
  { what: "mod.ts", program: `export * from "ROOTmod.ts";`, most: 250_000 },
];

/** Bytes of an import for a browser with all that it loads later, in one file: shortened by esbuild, and by gzip. */
export async function importBytes({ program }: BrowserImport): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "lowrank_sizes_" });
  try {
    const [entry, output] = [`${folder}/entry.ts`, `${folder}/bundle.js`];
    await Deno.writeTextFile(entry, program.replaceAll("ROOT", `file://${rootPath}`));
    await bundle([entry], ["--minify", `--output=${output}`]);
    return gzipSync(await Deno.readFile(output), { level: 9 }).length;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The paths of the files that `deno publish` would publish. */
export async function publishedFiles(): Promise<string[]> {
  const args = ["publish", "--dry-run", "--allow-dirty", "--no-check"];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: rootPath,
    env: { NO_COLOR: "1" },
  }).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  if (!success) throw new Error(`deno publish --dry-run failed: ${text}`);
  const root = new URL(`file://${rootPath}`).href;
  return Array.from(text.matchAll(/^ +(file:\S+) \(/gm), ([, url]) => url.slice(root.length));
}

/** Bytes of files together. */
export async function bytesOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    paths.map(async (path) => (await Deno.stat(rootPath + path)).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

if (import.meta.main) {
  const files = await publishedFiles(), folders = Map.groupBy(files, (path) => path.split("/")[0]);
  console.log(`published: ${files.length} files, ${grouped(await bytesOf(files))} bytes`);
  for (const [folder, paths] of folders) {
    if (paths.length > 1) console.log(`  ${folder}: ${grouped(await bytesOf(paths))}`);
  }
  for (const one of browserImports) {
    const bytes = grouped(await importBytes(one));
    console.log(`${one.what} in a browser: ${bytes} bytes, at most ${grouped(one.most)}`);
  }
}
