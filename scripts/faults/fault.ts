/** An edit that makes the package wrong. @module */

/** One edit of the package's source. */
export interface Fault {
  /** What is wrong then. */
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

/** What a folder of source is called: `src/core`, `kernels`. */
export function folderOf(path: string): string {
  const [top, next] = path.split("/");
  return top === "src" ? `${top}/${next}` : top;
}
