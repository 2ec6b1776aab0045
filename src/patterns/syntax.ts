/**
 * Parses the patterns that one pass over a text can match, a subset of Python's `re`: sets of
 * characters, the reader of single characters, and the reader of whole patterns.
 *
 * @module
 */

import { mostPatternDepth } from "../core/limits.ts";

// Sets of characters.

/** Tells whether a code point belongs to a set. */
export type CharacterSet = (code: number) => boolean;

/** A first and a last code point. */
export type CodeRange = readonly [first: number, last: number];

/** All characters that are not in the set. */
const complement = (set: CharacterSet): CharacterSet => (code) => !set(code);

/** `.`: JavaScript would leave out three more characters than the line feed. */
const notLineFeed: CharacterSet = (code) => code !== 0x0a;

const inCategory = (category: RegExp): CharacterSet => (code) =>
  category.test(String.fromCodePoint(code));

/** `str.isspace`: unlike in JavaScript, the separators U+001C to U+001F belong to it, U+FEFF does not. */
const isSpace = unionOf([[0x09, 0x0d], [0x1c, 0x1f], [0x85, 0x85]], [inCategory(/\p{Z}/u)]);

/** `\d`, `\s`, `\w` and their complements by their letter; digits and letters are those of Unicode. */
export const namedSets: ReadonlyMap<string, CharacterSet> = new Map(
  ([["d", inCategory(/\p{Nd}/u)], ["s", isSpace], ["w", inCategory(/[\p{L}\p{N}_]/u)]] as const)
    .flatMap(([letter, set]) => [[letter, set], [letter.toUpperCase(), complement(set)]]),
);

/** The set of one character. */
const only = (character: number): CharacterSet => (code) => code === character;

/** The union of ranges and sets; a lookup takes time logarithmic in the number of ranges. */
function unionOf(
  ranges: readonly CodeRange[],
  sets: readonly CharacterSet[],
): CharacterSet {
  const apart = mergeRanges(ranges);
  return (code) => isInRanges(apart, code) || sets.some((set) => set(code));
}

/** Sorted ranges of the same characters that neither touch nor overlap. */
function mergeRanges(ranges: readonly CodeRange[]): CodeRange[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function isInRanges(ranges: readonly CodeRange[], code: number): boolean {
  let low = 0, high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle][1] < code) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low][0] <= code;
}

// Single characters and classes.

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
class CharacterReader {
  readonly #text: string;
  #at = 0;

  /** Begins at the first character. */
  constructor(text: string, readonly refuse: (rule: string) => Error) {
    this.#text = text;
  }

  /** True if the whole text was read. */
  get isDone(): boolean {
    return this.#at === this.#text.length;
  }

  /** True if these characters come next. */
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

// Patterns.

/** A pattern as a tree. */
export type Pattern =
  | { readonly kind: "set"; readonly has: CharacterSet }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Pattern[] }
  | ({ readonly kind: "repetition"; readonly part: Pattern } & Repetition)
  | { readonly kind: "named"; readonly name: string; readonly part: Pattern }
  | { readonly kind: Lookahead; readonly part: Pattern }
  | { readonly kind: Anchor };

/** A condition on a position; `$` also matches before a final line feed. */
export type Anchor = "start" | "end" | "line end" | "word boundary" | "no word boundary";

/** The two kinds of lookahead: the text at a position must begin with a part, or must not. */
export type Lookahead = "ahead" | "not ahead";

/** Bounds on how often a part occurs, and its preference for fewer or more. */
export interface Repetition {
  /** Least number of times. */
  readonly least: number;
  /** Greatest number of times; may be infinite. */
  readonly most: number;
  /** True if fewer times are preferred. */
  readonly isLazy: boolean;
}

/** Makes the error for a rule that the pattern breaks. */
export type Refusal = (rule: string) => Error;

/**
 * Beginnings of groups, after `(?`, that are refused: those that a single pass cannot match, or
 * that we need not.
 */
const REFUSED_GROUPS: readonly (readonly [start: string, name: string])[] = [
  ["<=", "a lookbehind"],
  ["<!", "a lookbehind"],
  ["P=", "a back-reference"],
  [">", "an atomic group"],
  ["(", "a condition"],
  ["#", "a comment"],
  ...Array.from("aiLmsux-", (flag) => [flag, "flags such as (?i)"] as const),
  ["", "other extensions after (?"],
];

const REPETITIONS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["*", [0, Infinity]],
  ["+", [1, Infinity]],
  ["?", [0, 1]],
]);

const ANCHORS: ReadonlyMap<string, Anchor> = new Map([
  ["^", "start"],
  ["\\A", "start"],
  ["\\Z", "end"],
  ["$", "line end"],
  ["\\b", "word boundary"],
  ["\\B", "no word boundary"],
]);

const anchors: ReadonlySet<string> = new Set(ANCHORS.values());

/** Reads a pattern by recursive descent, one method for each level of the grammar. */
class PatternReader extends CharacterReader {
  readonly #names = new Set<string>();
  #depth = 0;
  #lookaheads = 0;

  /** The whole text. */
  read(): Pattern {
    const whole = this.#choice();
    if (!this.isDone) throw this.refuse("must open every group that it closes");
    return whole;
  }

  #choice(): Pattern {
    const parts = [this.#sequence()];
    while (this.take("|")) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0] : { kind: "choice", parts };
  }

  #sequence(): Pattern {
    const parts: Pattern[] = [];
    while (!this.isDone && !this.isNext("|") && !this.isNext(")")) parts.push(this.#repeated());
    return { kind: "sequence", parts };
  }

  #repeated(): Pattern {
    const part = this.#single(), bounds = this.#bounds();
    if (!bounds) return part;
    if (anchors.has(part.kind)) throw this.#nothingToRepeat();
    const isLazy = this.take("?");
    if (this.isNext("+")) throw this.refuse("must not have a possessive repetition");
    if (this.#bounds()) throw this.refuse("must not repeat a repetition without a group around it");
    return { kind: "repetition", part, least: bounds[0], most: bounds[1], isLazy };
  }

  #nothingToRepeat(): Error {
    return this.refuse("must have something to repeat before each repetition");
  }

  /** The repetition that comes next, if one does: as in Python, an unfinished `{` is a character. */
  #bounds(): readonly [number, number] | undefined {
    for (const [sign, bounds] of REPETITIONS) if (this.take(sign)) return bounds;
    const braces = this.takeMatch(/\{(?!\})([0-9]*)(,?)([0-9]*)\}/y);
    if (!braces) return undefined;
    const [, low, comma, high] = braces, least = Number(low);
    const most = high !== "" ? Number(high) : comma || low === "" ? Infinity : least;
    if (most < least) throw this.refuse("must not repeat less often than at least");
    return [least, most];
  }

  #single(): Pattern {
    if (this.#bounds()) throw this.#nothingToRepeat();
    if (this.take("(")) return this.#group();
    if (this.take("[")) return { kind: "set", has: this.class() };
    if (this.take(".")) return { kind: "set", has: notLineFeed };
    for (const [sign, kind] of ANCHORS) if (this.take(sign)) return this.#anchor(kind);
    const item = this.isNext("\\") ? this.escape(false) : this.next();
    return { kind: "set", has: typeof item === "number" ? only(item) : item };
  }

  #anchor(kind: Anchor): Pattern {
    // Reading backward, these depend on what is before, but lookaheads must be decided by what is after.
    if (this.#lookaheads > 0 && kind !== "end" && kind !== "line end") {
      throw this.refuse("must not have the start or a word boundary in a lookahead");
    }
    return { kind };
  }

  #group(): Pattern {
    if (this.take("?=")) return this.#lookahead("ahead");
    if (this.take("?!")) return this.#lookahead("not ahead");
    const name = this.#groupName(), part = this.#inGroup();
    return name === undefined ? part : { kind: "named", name, part };
  }

  #lookahead(kind: Lookahead): Pattern {
    this.#lookaheads++;
    const part = this.#inGroup();
    this.#lookaheads--;
    return { kind, part };
  }

  #inGroup(): Pattern {
    if (++this.#depth > mostPatternDepth) {
      throw this.refuse(`must not nest more than ${mostPatternDepth} groups`);
    }
    const part = this.#choice();
    if (!this.take(")")) throw this.refuse("must close every group that it opens");
    this.#depth--;
    return part;
  }

  /** Reads the text before the contents of a group: a name, or `?:`. */
  #groupName(): string | undefined {
    if (!this.take("?") || this.take(":")) return undefined;
    if (!this.take("P<")) throw this.#refusedGroup();
    const name = this.takeMatch(/([A-Za-z_][A-Za-z0-9_]*)>/y)?.[1];
    if (name === undefined || this.#names.has(name)) {
      throw this.refuse("must name each group by letters and digits, each name once");
    }
    this.#names.add(name);
    return name;
  }

  #refusedGroup(): Error {
    const [, name] = REFUSED_GROUPS.find(([start]) => this.isNext(start))!;
    return this.refuse(`must not have ${name}`);
  }
}

/**
 * Reads a pattern: characters, `.`, classes, escapes, groups, alternatives, repetitions (greedy or
 * lazy), lookaheads, `^`, `$`, `\A`, `\Z`, `\b` and `\B`, each with Python's meaning.
 *
 * @throws {Error} when it is not a pattern of Python, or has more than that; the error is `refuse`'s.
 */
export function parsePattern(text: string, refuse: Refusal): Pattern {
  return new PatternReader(text, refuse).read();
}
