/** Matches texts with a pattern, in time linear in the text. @module */

import { codeBefore, nothing, type Place, placeIn, unread, viewAfter } from "./place.ts";
import { type Automaton, buildAutomaton } from "./states.ts";
import { parsePattern, type Pattern, type Refusal } from "./syntax.ts";
import { Effort, Simulation, type Span, type Threads } from "./threads.ts";

/** Threads between two characters, and where the character before leads them. */
interface Node {
  readonly threads: Threads;
  readonly place: Place;
  readonly isDead: boolean;
  readonly before: Map<number, Node>;
  /** Whether the text may start here, once that was asked. */
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
  /** Whether threads wait in a node for the character before it, and what is after it matters. */
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

  /** Whether the pattern matches the whole text, as `re.fullmatch` in Python. */
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
