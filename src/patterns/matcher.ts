/**
 * Matches texts with a pattern, in time linear in the text: the pattern becomes a nondeterministic
 * automaton (Thompson 1968), which runs in all of its states at once, without backtracking (Pike
 * 1994); sets of states that occur again are kept.
 *
 * @module
 */

import { mostPatternParts, mostPatternSteps, patternStepsPerCharacter } from "../core/limits.ts";
import {
  type Anchor,
  type CharacterSet,
  type Lookahead,
  namedSets,
  parsePattern,
  type Pattern,
  type Refusal,
  type Repetition,
} from "./syntax.ts";

// Positions.

/** The characters on the two sides of a position. */
export interface Place {
  /** The code point before it, {@link nothing} or {@link unread}. */
  readonly before: number;
  /** The code point after it, or {@link nothing}. */
  readonly after: number;
  /** True if nothing but at most one line feed comes after it. */
  readonly isLineEnd: boolean;
}

/** In the place of a code point: the text begins or ends. */
const nothing = -1;

/** In the place of a code point: it is not known yet. */
const unread = -2;

/** The place of a position in a text. */
function placeIn(text: string, at: number): Place {
  const isLineEnd = at === text.length || (at === text.length - 1 && text[at] === "\n");
  return {
    before: at === 0 ? nothing : codeBefore(text, at),
    after: text.codePointAt(at) ?? nothing,
    isLineEnd,
  };
}

/** The code point that ends at a position. */
function codeBefore(text: string, at: number): number {
  const low = text.charCodeAt(at - 1);
  const isPair = low >= 0xdc00 && low <= 0xdfff && at > 1;
  const pair = isPair ? text.codePointAt(at - 2)! : low;
  return pair > 0xffff ? pair : low;
}

/**
 * True if an anchor holds at a place; while the character before is unread, those of words do not.
 */
function holds(anchor: Anchor, { before, after, isLineEnd }: Place): boolean {
  if (anchor === "start") return before === nothing;
  if (anchor === "end") return after === nothing;
  if (anchor === "line end") return isLineEnd;
  // In an empty text, neither holds: so it is in Python before 3.14.
  if (before === unread || (before === nothing && after === nothing)) return false;
  return (isWord(before) !== isWord(after)) === (anchor === "word boundary");
}

/** All that anchors see after a position: the same text where it is alike for them. */
function viewAfter({ after, isLineEnd }: Place): string {
  if (after === nothing) return "end";
  return isLineEnd ? "line end" : isWord(after) ? "word" : "other";
}

const isWord = (code: number): boolean => code >= 0 && namedSets.get("w")!(code);

// The matcher.

/** Threads between two characters, and where the character before leads them. */
interface Node {
  readonly threads: Threads;
  readonly place: Place;
  readonly isDead: boolean;
  readonly before: Map<number, Node>;
  /** True if the text may start here; undefined until it was computed. */
  mayStart?: boolean;
}

/** States in the nodes that a matcher keeps before it begins anew. */
const MOST_KEPT = 100_000;

/** Characters found by look-up that take as long as a step of the slow kind, or less. */
const LOOK_UPS_PER_STEP = 4;

const atEnd: Place = { before: unread, after: nothing, isLineEnd: true };

/**
 * A compiled pattern. It is matched from the end, where names of modules differ, and a deterministic
 * automaton is built as texts ask for it: most characters cost a look-up, none more than the pattern.
 */
export class Matcher {
  readonly #pattern: Pattern;
  readonly #refuse: Refusal;
  readonly #effort: Effort;
  readonly #simulation: Simulation;
  /**
   * True if threads wait in a node for the character before it and the character after it matters.
   */
  readonly #seesWords: boolean;
  readonly #nodes = new Map<string, Node>();
  #kept = 0;
  #last?: Node;
  #forward?: Automaton;

  /**
   * Compiles a pattern; throws `refuse`'s error for one that is not read (see {@link parsePattern}), and
   * when matching has taken all of the effort.
   */
  constructor(pattern: string, refuse: Refusal, effort: Effort = new Effort()) {
    [this.#pattern, this.#refuse, this.#effort] = [parsePattern(pattern, refuse), refuse, effort];
    const automaton = buildAutomaton(this.#pattern, "backward", refuse);
    this.#simulation = new Simulation(automaton);
    this.#seesWords = automaton.states.some(({ kind }) => kind.endsWith("word boundary"));
  }

  /** True if the pattern matches the whole text, as `re.fullmatch` in Python. */
  matches(text: string): boolean {
    let at = text.length, node = this.#last ??= this.#node(this.#simulation.start, atEnd);
    while (at > 0 && !node.isDead) {
      const code = codeBefore(text, at);
      at -= code > 0xffff ? 2 : 1;
      const isLineEnd = code === 0x0a && at === text.length - 1;
      node = (isLineEnd ? undefined : node.before.get(code)) ?? this.#step(node, code, isLineEnd);
    }
    this.#effort.spend(1 + (text.length - at) / LOOK_UPS_PER_STEP, this.#refuse);
    if (text === "" || text === "\n") return this.#mayStart(node, text);
    return node.mayStart ??= this.#mayStart(node, text);
  }

  /**
   * Matches the beginning of a text, as `re.match` in Python, and gives what a named group matched:
   * undefined if the pattern does not match, `""` if the group took no part.
   */
  groupOf(text: string, name: string): string | undefined {
    this.#forward ??= buildAutomaton(this.#pattern, "forward", this.#refuse);
    const simulation = new Simulation(this.#forward, name);
    let threads = simulation.start, found: Span | undefined;
    for (let at = 0; threads.states.length > 0;) {
      const closed = simulation.close(threads, placeIn(text, at), at);
      this.#effort.spend(closed.states.length, this.#refuse);
      const matched = closed.states.indexOf(0);
      if (matched >= 0) {
        found = closed.spans[matched];
        // Python tries these threads only if the one that matched would fail later.
        closed.states.length = matched;
      }
      if (at === text.length) break;
      const code = text.codePointAt(at)!;
      threads = simulation.move(closed, code);
      at += code > 0xffff ? 2 : 1;
    }
    return found && text.slice(found.from, found.to);
  }

  #step(node: Node, code: number, isLineEnd: boolean): Node {
    const { threads, place } = node;
    const settled = this.#seesWords ? this.#close(threads, { ...place, before: code }) : threads;
    const moved = this.#simulation.move(settled, code);
    const before = this.#node(moved, { before: unread, after: code, isLineEnd });
    if (!isLineEnd) node.before.set(code, before);
    return before;
  }

  #close(threads: Threads, place: Place): Threads {
    const closed = this.#simulation.close(threads, place, 0);
    this.#effort.spend(closed.states.length, this.#refuse);
    return closed;
  }

  #node(moved: Threads, place: Place): Node {
    const threads = this.#close(moved, place), { length } = threads.states;
    const view = this.#seesWords ? viewAfter(place) : "";
    const key = view + String.fromCharCode(...threads.states), known = this.#nodes.get(key);
    if (known) return known;
    this.#kept += length + 1;
    if (this.#kept > MOST_KEPT) this.#forget();
    const node: Node = { threads, place, isDead: length === 0, before: new Map() };
    this.#nodes.set(key, node);
    return node;
  }

  #forget(): void {
    this.#nodes.clear();
    [this.#kept, this.#last] = [0, undefined];
  }

  #mayStart({ threads }: Node, text: string): boolean {
    return this.#simulation.close(threads, placeIn(text, 0), 0).states.includes(0);
  }
}

// The automaton.

/** A state. All have the same fields: a step looks at thousands of them. */
export interface State {
  /**
   * A character, two ways, the bounds of a group, the end of the whole or of a lookahead, or a condition on
   * the place.
   */
  readonly kind: "set" | "split" | "open" | "close" | "match" | "found" | Lookahead | Anchor;
  /** The state after it; of two, the one that Python would try first. */
  readonly next: number;
  /** The other one of a split; the end of a lookahead. */
  readonly other: number;
  /** The characters of a set. */
  readonly has: CharacterSet;
  /** The name of a group. */
  readonly name: string;
}

/** An automaton that matches where it reaches its state 0. */
export interface Automaton {
  /** All states. */
  readonly states: readonly State[];
  /** The index of the first. */
  readonly start: number;
  /** The first states of the lookaheads, those inside of others before them. */
  readonly lookaheads: readonly number[];
}

/** The end of the text from which the automaton reads. */
export type Direction = "forward" | "backward";

const emptyState: CharacterSet = () => false;

const anything: Pattern = {
  kind: "repetition",
  part: { kind: "set", has: () => true },
  least: 0,
  most: Infinity,
  isLazy: false,
};

const match: State = { kind: "match", next: 0, other: 0, has: emptyState, name: "" };

/** Adds states from the last one that is reached to the first, so that each knows the one after it. */
class StateBuilder {
  readonly states: State[] = [match];
  readonly lookaheads: number[] = [];
  readonly #direction: Direction;
  readonly #refuse: Refusal;
  #parts = 0;

  constructor(direction: Direction, refuse: Refusal) {
    [this.#direction, this.#refuse] = [direction, refuse];
  }

  /** Adds the states of a part before the state `next`, and gives the index of its first. */
  add(part: Pattern, next: number): number {
    if (++this.#parts > mostPatternParts) {
      throw this.#refuse(
        `must have at most ${mostPatternParts} parts with repetitions written out`,
      );
    }
    switch (part.kind) {
      case "sequence":
        return this.#sequence(part.parts, next);
      case "choice":
        return part.parts.map((item) => this.add(item, next))
          .reduceRight((other, first) => this.#push("split", first, { other }));
      case "repetition":
        return this.#repeat(part.part, part, next);
      case "named":
        return this.#name(part.name, part.part, next);
      case "ahead":
      case "not ahead":
        return this.#look(part.kind, part.part, next);
      case "set":
        return this.#push("set", next, { has: part.has });
      default:
        return this.#push(part.kind, next);
    }
  }

  #push(
    kind: State["kind"],
    next: number,
    { other = 0, has = emptyState, name = "" }: Partial<State> = {},
  ): number {
    return this.states.push({ kind, next, other, has, name }) - 1;
  }

  #sequence(parts: readonly Pattern[], next: number): number {
    const ordered = this.#direction === "forward" ? parts : parts.toReversed();
    return ordered.reduceRight((after, item) => this.add(item, after), next);
  }

  #repeat(part: Pattern, { least, most, isLazy }: Repetition, next: number): number {
    let entry = next;
    if (most === Infinity) entry = this.#loop(part, isLazy, next);
    else {
      for (let i = least; i < most; i++) entry = this.#branch(this.add(part, entry), next, isLazy);
    }
    for (let i = 0; i < least; i++) entry = this.add(part, entry);
    return entry;
  }

  #loop(part: Pattern, isLazy: boolean, next: number): number {
    const loop = this.#push("split", next);
    const entry = this.#branch(this.add(part, loop), next, isLazy);
    this.states[loop] = this.states[entry];
    return loop;
  }

  #branch(part: number, next: number, isLazy: boolean): number {
    return isLazy
      ? this.#push("split", next, { other: part })
      : this.#push("split", part, { other: next });
  }

  /** A lookahead is found where the text after it, read backward, ends with what it asks for. */
  #look(kind: Lookahead, part: Pattern, next: number): number {
    if (this.#direction === "forward") throw this.#refuse("must not have a lookahead");
    const found = this.#push("found", 0);
    this.lookaheads.push(this.add(anything, this.add(part, found)));
    return this.#push(kind, next, { other: found });
  }

  #name(name: string, part: Pattern, next: number): number {
    const inner = this.add(part, this.#push("close", next, { name }));
    return this.#push("open", inner, { name });
  }
}

/** Builds the automaton of a pattern; throws `refuse`'s error if it would be too large. */
function buildAutomaton(
  pattern: Pattern,
  direction: Direction,
  refuse: Refusal,
): Automaton {
  const builder = new StateBuilder(direction, refuse);
  const start = builder.add(pattern, 0);
  return { states: builder.states, start, lookaheads: builder.lookaheads };
}

// Threads.

/** The span that a named group has matched: from a position, and to one if it is closed. */
export interface Span {
  /** Position of the first character. */
  readonly from: number;
  /** Position after the last character. */
  readonly to: number;
}

/** The span of a group that was not entered. */
const noSpan: Span = { from: 0, to: 0 };

/** States in the order in which Python would try them, each with the span of the group asked for. */
export interface Threads {
  /** Indices of states. */
  readonly states: number[];
  /** The span of each. */
  readonly spans: Span[];
}

/** The remaining budget of steps for matching; the patterns of one setting share it. */
export class Effort {
  #left = mostPatternSteps;

  /** Adds the budget for one more name. */
  allow(name: string): void {
    this.#left += patternStepsPerCharacter * name.length;
  }

  /** Throws `refuse`'s error once all steps are taken. */
  spend(steps: number, refuse: Refusal): void {
    this.#left -= steps;
    if (this.#left < 0) throw refuse("must not take millions of steps to match names");
  }
}

/** One automaton with the memory that its steps share. */
class Simulation {
  /** The threads that every text begins with, those of lookaheads first. */
  readonly start: Threads;
  readonly #states: readonly State[];
  readonly #group: string | null;
  readonly #seen: Uint32Array;
  #pass = 0;

  /** Follows the group of that name, if there is one. */
  constructor({ states, start, lookaheads }: Automaton, group: string | null = null) {
    const first = [...lookaheads, start];
    this.start = { states: first, spans: first.map(() => noSpan) };
    [this.#states, this.#group] = [states, group];
    this.#seen = new Uint32Array(states.length);
  }

  /**
   * Follows all that takes no character. What is left are sets, the match, and anchors that do not
   * hold at this place, or not yet, but may where the text begins or once the character before is read.
   */
  close(threads: Threads, place: Place, at: number): Threads {
    const closed: Threads = { states: [], spans: [] };
    const states = threads.states.toReversed(), spans = threads.spans.toReversed();
    this.#pass++;
    while (states.length > 0) {
      const index = states.pop()!, span = spans.pop()!;
      if (this.#seen[index] === this.#pass) continue;
      this.#seen[index] = this.#pass;
      const state = this.#states[index], { kind, next, other, name } = state;
      const isSettled = this.#waits(state, place), to = isSettled ? closed : { states, spans };
      if (kind === "split") add(to, other, span);
      add(to, isSettled ? index : next, name === this.#group ? mark(span, kind, at) : span);
    }
    return closed;
  }

  /** True if a thread stays in a state until the next character, or for good. */
  #waits({ kind, other }: State, place: Place): boolean {
    if (kind === "set" || kind === "match" || kind === "found") return true;
    if (kind === "split" || kind === "open" || kind === "close") return false;
    // The threads of lookaheads are followed first, so that it is decided which of them are found.
    if (kind === "ahead") return this.#seen[other] !== this.#pass;
    if (kind === "not ahead") return this.#seen[other] === this.#pass;
    return !holds(kind, place);
  }

  /** The threads after a character. */
  move({ states, spans }: Threads, code: number): Threads {
    const moved: Threads = { states: [], spans: [] };
    for (let i = 0; i < states.length; i++) {
      const { kind, has, next } = this.#states[states[i]];
      if (kind !== "set" || !has(code)) continue;
      add(moved, next, spans[i]);
    }
    return moved;
  }
}

function add({ states, spans }: Threads, state: number, span: Span): void {
  states.push(state);
  spans.push(span);
}

/** The span after a bound of its group. */
function mark(span: Span, kind: State["kind"], at: number): Span {
  return kind === "open" ? { from: at, to: at } : { from: span.from, to: at };
}
