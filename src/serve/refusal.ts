/** What a client is told instead of an answer. @module */

/** A request that is not answered, with a status of HTTP that says whose fault it is. */
export class Refusal extends Error {
  /** The class's name. */
  override name = "Refusal";
  /** 400 to 599. */
  readonly status: number;
  /** The field of the request that is wrong, if it is one. */
  readonly field?: string;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  /** Says why, in one sentence. */
  constructor(
    status: number,
    message: string,
    field?: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.field = field;
    this.headers = headers;
  }
}
