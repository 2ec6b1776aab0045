/** An edit that makes the package wrong. @module */

/** One edit of the package's source. */
export interface Fault {
  /** The sentence that says what is wrong then. */
  readonly what: string;
  /** Where. */
  readonly file: string;
  /** Stands there once. */
  readonly right: string;
  /** Takes its place. */
  readonly wrong: string;
}

/** Makes one. */
export const fault = (what: string, file: string, right: string, wrong: string): Fault => ({
  ...{ what, file, right, wrong },
});

/** The name of a file's folder of source: `src/core`, `kernels`. */
export function folderOf(path: string): string {
  const [top, next] = path.split("/");
  return top === "src" ? `${top}/${next}` : top;
}
