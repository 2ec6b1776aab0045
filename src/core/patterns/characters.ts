/** Reads the characters of a pattern: plain ones, escapes, and classes in brackets. @module */

import {
  type CharacterSet,
  type CodeRange,
  complement,
  namedSets,
  unionOf,
} from "./character_set.ts";

/** Escapes that stand for one character. */
const CONTROLS: ReadonlyMap<string, number> = new Map(
  [["a", 7], ["t", 9], ["n", 10], ["v", 11], ["f", 12], ["r", 13]],
);

/** Escapes of Python that are refused, with their names. */
const REFUSED_ESCAPES: readonly (readonly [start: RegExp, name: string])[] = [
  [/^N/, "a character by its name"],
  [/^0/, "an octal escape"],
  [/^[1-9]/, "a back-reference"],
  [/^[a-zA-Z]/, "an escape that Python does not know"],
  [/^$/, "a backslash at its end"],
];

/** A place in a pattern, and how to read on from it. */
export class CharacterReader {
  readonly #text: string;
  #at = 0;

  /** Begins at the first character. */
  constructor(text: string, readonly refuse: (rule: string) => Error) {
    this.#text = text;
  }

  /** Whether the whole text was read. */
  get isDone(): boolean {
    return this.#at === this.#text.length;
  }

  /** Whether these characters come next. */
  isNext(characters: string): boolean {
    return this.#text.startsWith(characters, this.#at);
  }

  /** Passes over these characters if they come next. */
  take(characters: string): boolean {
    const isNext = this.isNext(characters);
    if (isNext) this.#at += characters.length;
    return isNext;
  }

  /** Passes over what matches next; the expression must be sticky. */
  takeMatch(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#text);
    if (match) this.#at += match[0].length;
    return match;
  }

  /** The code point that comes next. */
  next(): number {
    const code = this.#text.codePointAt(this.#at)!;
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  /** The set or character of an escape. */
  escape(isInClass: boolean): CharacterSet | number {
    this.take("\\");
    const letter = this.#text.charAt(this.#at), control = CONTROLS.get(letter);
    const known = namedSets.get(letter) ?? (isInClass && letter === "b" ? 8 : control);
    if (known !== undefined) {
      this.#at++;
      return known;
    }
    const hexadecimal = this.takeMatch(/x(..)|u(....)|U(.{8})/sy);
    if (hexadecimal) return this.#codePoint(hexadecimal.slice(1).join(""));
    const refused = REFUSED_ESCAPES.find(([start]) => start.test(letter));
    if (refused) throw this.refuse(`must not have ${refused[1]}`);
    return this.next();
  }

  #codePoint(digits: string): number {
    const code = /^[0-9a-fA-F]+$/.test(digits) ? parseInt(digits, 16) : Infinity;
    if (code > 0x10ffff) throw this.refuse("must have hexadecimal digits after \\x, \\u and \\U");
    return code;
  }

  /** The set of a class, after its opening bracket; a bracket that closes at once is a character. */
  class(): CharacterSet {
    const isComplement = this.take("^"), ranges: CodeRange[] = [], sets = new Set<CharacterSet>();
    do {
      const item = this.#classItem();
      if (typeof item === "number") ranges.push([item, this.#rangeEnd(item)]);
      else if (this.isNext("-") && !this.isNext("-]")) throw this.#badRange();
      else sets.add(item);
    } while (!this.take("]"));
    const set = unionOf(ranges, [...sets]);
    return isComplement ? complement(set) : set;
  }

  #classItem(): CharacterSet | number {
    if (this.isDone) throw this.refuse("must close every [ with a ]");
    return this.isNext("\\") ? this.escape(true) : this.next();
  }

  #rangeEnd(first: number): number {
    if (this.isNext("-]") || !this.take("-")) return first;
    const last = this.#classItem();
    if (typeof last !== "number" || last < first) throw this.#badRange();
    return last;
  }

  #badRange(): Error {
    return this.refuse("must have a range in brackets from a character to a later one");
  }
}
