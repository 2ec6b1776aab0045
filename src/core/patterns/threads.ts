/** Runs a pattern's automaton in all its states at once, without backtracking (Pike 1994). @module */

import { mostPatternSteps, patternStepsPerCharacter } from "../limits.ts";
import { holds, type Place } from "./place.ts";
import type { Automaton, State } from "./states.ts";
import type { Refusal } from "./syntax.ts";

/** What a named group has matched: from a position, and to one if it is closed. */
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

/** What matching may still cost; the patterns of one setting share it. */
export class Effort {
  #left = mostPatternSteps;

  /** Allows what a further name may cost. */
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
export class Simulation {
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

  /** Whether a thread stays in a state until the next character, or for good. */
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
