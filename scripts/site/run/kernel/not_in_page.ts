/** The error of a cell that needs more than a page. @module */

/** A cell needs something that no page has. */
export class NotInPage extends Error {
  override readonly name = "NotInPage";

  /** Says it in one sentence; `what` is `a file system`. */
  constructor(what: string) {
    super(`This cell needs ${what}, which a page has not: run it in Deno, by "deno task lab".`);
  }

  /** The error of a cell as one of these, if it tells of a page's lack; `missing` has the names of others' results. */
  static of(error: unknown, missing: ReadonlySet<string>): NotInPage | undefined {
    if (error instanceof NotInPage) return error;
    if (!(error instanceof Error)) return undefined;
    if (error.message.includes("a page in a browser has no disk")) {
      return new NotInPage("a file system");
    }
    const [, name] = /^(\S+) is not defined$/.exec(error.message) ?? [];
    return name !== undefined && missing.has(name)
      ? new NotInPage(`the result of a cell above, ${name}`)
      : undefined;
  }
}
