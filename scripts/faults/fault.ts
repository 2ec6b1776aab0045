/** An edit that makes the package wrong. @module */

/** One edit of the package's source. */
export interface Fault {
  /** The sentence that says what is wrong then. */
  readonly what: string;
  /** File of the edit. */
  readonly file: string;
  /** Code before the edit, once in the file. */
  readonly right: string;
  /** Code that replaces it. */
  readonly wrong: string;
}

/** Makes a fault. */
export const fault = (what: string, file: string, right: string, wrong: string): Fault => ({
  ...{ what, file, right, wrong },
});

/** The name of a file's folder of source: `src/core`, `kernels`. */
export function folderOf(path: string): string {
  const [top, next] = path.split("/");
  return top === "src" ? `${top}/${next}` : top;
}
