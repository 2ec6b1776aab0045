/** In the page's bundle in the place of `node:path` and `node:url`: paths in the site. @module */

/** Joins parts of a path, in which `..` leads up. */
export function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("/");
}

/** The last path, as it is an address already. */
export function resolve(...parts: readonly string[]): string {
  return join(...parts);
}

/** The last name of a path. */
export function basename(path: string): string {
  return path.replace(/\/+$/, "").replace(/.*\//, "");
}

/** A place of the repository, as the program finds it beside itself, in the site. */
export function fileURLToPath({ pathname }: URL): string {
  return pathname;
}

/** The address of a path. */
export function pathToFileURL(path: string): URL {
  return new URL(path, location.href);
}
