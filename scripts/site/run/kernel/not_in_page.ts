/** The error of a cell that needs more than a page. @module */

/** A cell needs something that no page has. */
export class NotInPage extends Error {
  override readonly name = "NotInPage";

  /** Says it in one sentence; `what` is `a file system`. */
  constructor(what: string) {
    super(`This cell needs ${what}, which a page has not: run it in Deno, by "deno task lab".`);
  }
}
