/** The patterns that we read: those of Python's `re` that one pass over the text can match. @module */

import { type CharacterSet, notLineFeed, only } from "./character_set.ts";
import { mostPatternDepth } from "../limits.ts";
import { CharacterReader } from "./characters.ts";

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

/** Whether what follows a position must begin with a part, or must not. */
export type Lookahead = "ahead" | "not ahead";

/** How often a part may occur, and whether fewer times are tried first. */
export interface Repetition {
  /** At least so often. */
  readonly least: number;
  /** At most so often; may be infinite. */
  readonly most: number;
  /** Whether fewer times are preferred. */
  readonly isLazy: boolean;
}

/** Makes the error for a rule that the pattern breaks. */
export type Refusal = (rule: string) => Error;

/** What may follow `(?`, by its first characters: all that a single pass cannot match, or that we need not. */
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

  /** What stands before the contents of a group: a name, or nothing of importance. */
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
