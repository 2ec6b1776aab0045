/**
 * The repository's source files, for scripts and tests that read source.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** The repository's root folder, as a URL that ends in a slash. */
export const root: URL = new URL("../../", import.meta.url);

/** Code of the package itself, as opposed to what exercises it. */
export const packageRoots: readonly string[] = [
  "src",
  "kernels",
  "experiments",
  "mod.ts",
  "cli.ts",
];

/** Paths, relative to the root, of the `.ts` files (`.as.ts` included) in these files and folders. */
export function sourceFiles(paths: readonly string[] = packageRoots): string[] {
  return paths.flatMap((path) => filesUnder(path)).filter((path) => path.endsWith(".ts")).sort();
}

/** Paths, relative to the root, of all files below a path. One that does not exist has none: the tree may lack a folder. */
export function filesUnder(path: string): string[] {
  const url = new URL(path, root);
  try {
    if (Deno.statSync(url).isFile) return [path];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return [...Deno.readDirSync(url)]
    .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
    .flatMap(({ name }) => filesUnder(`${path}/${name}`));
}

/** The text of a source file. */
export function sourceText(path: string): string {
  return Deno.readTextFileSync(new URL(path, root));
}

/** The root folder as a path for the operating system. */
export const rootPath: string = fileURLToPath(root);

// A string comes first in the alternatives, so that the `//` of a URL in it is no comment.
const stringOrComment =
  /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** Source without its comments: prose may name what code must not. */
export function withoutComments(source: string): string {
  return source.replace(stringOrComment, (match) => match.startsWith("/") ? " " : match);
}
