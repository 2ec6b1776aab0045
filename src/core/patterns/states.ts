/** A pattern as a nondeterministic automaton (Thompson 1968). @module */

import type { CharacterSet } from "./character_set.ts";
import { mostPatternParts } from "../limits.ts";
import type { Anchor, Lookahead, Pattern, Refusal, Repetition } from "./syntax.ts";

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

/** Which end of the text the automaton reads first. */
export type Direction = "forward" | "backward";

const nothing: CharacterSet = () => false;

const anything: Pattern = {
  kind: "repetition",
  part: { kind: "set", has: () => true },
  least: 0,
  most: Infinity,
  isLazy: false,
};

const match: State = { kind: "match", next: 0, other: 0, has: nothing, name: "" };

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
    { other = 0, has = nothing, name = "" }: Partial<State> = {},
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
export function buildAutomaton(
  pattern: Pattern,
  direction: Direction,
  refuse: Refusal,
): Automaton {
  const builder = new StateBuilder(direction, refuse);
  const start = builder.add(pattern, 0);
  return { states: builder.states, start, lookaheads: builder.lookaheads };
}
