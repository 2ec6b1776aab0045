/**
 * The fields of a request, each checked by a rule, and the refusals with which a client is answered
 * instead.
 *
 * @module
 */

import { isRecord, nearestName } from "../core/checks.ts";
import { quote } from "../core/errors.ts";

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

/** Requirement of a field, in words and as a test. */
export interface FieldRule<T> {
  /** Follows "must be". */
  readonly words: string;
  /** True if a value satisfies the rule. */
  readonly holds: (value: unknown) => value is T;
}

/**
 * The fields of a request, each taken by its name. A field of value null counts as left out. What nobody has taken is
 * refused in the end: nothing that a client asks for is passed over.
 */
export class Fields {
  readonly #values: Map<string, unknown>;
  readonly #known: string[] = [];

  /**
   * Takes the fields of a JSON object.
   *
   * @throws {Refusal} when it is none.
   */
  constructor(body: unknown) {
    if (!isRecord(body)) {
      throw new Refusal(400, `a request must be a JSON object, found ${quote(body)}`);
    }
    this.#values = new Map(Object.entries(body));
  }

  /**
   * Takes a field, if the request has it.
   *
   * @throws {Refusal} when its value is not as the rule says.
   */
  take<T>(name: string, { words, holds }: FieldRule<T>): T | undefined {
    const value = this.#values.get(name) ?? undefined;
    this.#values.delete(name);
    this.#known.push(name);
    if (value === undefined || holds(value)) return value;
    throw new Refusal(400, `${name} must be ${words}, found ${quote(value)}`, name);
  }

  /**
   * Takes a field that the request must have.
   *
   * @throws {Refusal} when it does not, or its value is not as the rule says.
   */
  need<T>(name: string, rule: FieldRule<T>): T {
    const value = this.take(name, rule);
    if (value !== undefined) return value;
    throw new Refusal(400, `a request needs ${name}, ${rule.words}, found none`, name);
  }

  /**
   * Says that all fields were taken.
   *
   * @throws {Refusal} when the request has another one.
   */
  end(): void {
    const [name] = this.#values.keys();
    if (name === undefined) return;
    const meant = nearestName(name, this.#known);
    const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
    const known = `a request may have ${this.#known.join(", ")}`;
    throw new Refusal(400, `${known}; found ${quote(name)}${hint}`, name.slice(0, 100));
  }
}

/** A text, which may be empty. */
export const text: FieldRule<string> = {
  words: "a text",
  holds: (value) => typeof value === "string",
};

/** The name of an adapter or a folder, which is no path. */
export const plainName: FieldRule<string> = {
  words: "a name of up to 255 bytes, no path",
  holds: (value): value is string =>
    typeof value === "string" && /^[^/\\\p{Cc}]+$/u.test(value) && !/^\.\.?$/.test(value) &&
    new TextEncoder().encode(value).length <= 255,
};

/** True or false. */
export const flag: FieldRule<boolean> = {
  words: "true or false",
  holds: (value) => typeof value === "boolean",
};

/** A number of at least `least`. */
export const numberFrom = (least: number): FieldRule<number> => ({
  words: `a number of at least ${least}`,
  holds: (value): value is number => Number.isFinite(value) && value as number >= least,
});

/** A whole number of at least `least` and at most `most`. */
export const whole = (
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): FieldRule<number> => ({
  words: most === Number.MAX_SAFE_INTEGER
    ? `a whole number of at least ${least}`
    : `a whole number from ${least} to ${most}`,
  holds: (value): value is number =>
    Number.isSafeInteger(value) && value as number >= least && value as number <= most,
});

/** The one value of a field that stands for what is not supported. */
export const only = <T>(wanted: T): FieldRule<T> => ({
  words: `${quote(wanted)}, as nothing else is supported`,
  holds: (value): value is T => JSON.stringify(value) === JSON.stringify(wanted),
});
