/** Names of modules: matching their ends, and listing them in error sentences. @module */

import { boundsOf } from "./numbers.ts";

/** PEFT's rule for the members of a list: the whole path of a module, or its last parts. */
export function isNamed(name: string, module: string): boolean {
  return name === module || name.endsWith(`.${module}`);
}

/** All texts by which PEFT's rule finds a module: its whole path, and what follows each dot. */
export function nameEnds(name: string): string[] {
  const ends = [name];
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
    ends.push(name.slice(dot + 1));
  }
  return ends;
}

/** The first name that comes a second time, if any. */
export function nameTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

/**
 * Finds names that are equal to another except that one of the two has a longer prefix, as GPT-2's
 * `transformer.`, without a look at all of them.
 */
export class NameEndings {
  readonly #names: ReadonlySet<string>;
  /** Spelled backwards and sorted, so that names with the same ending are neighbors. */
  readonly #backwards: readonly string[];

  /** Sorts the names. */
  constructor(names: Iterable<string>) {
    this.#names = new Set(names);
    this.#backwards = Array.from(this.#names, backwards).sort();
  }

  /** The names that end with this one, or that it ends with; two of them if there are several. */
  find(name: string): string[] {
    const found = nameEnds(name).filter((end) => this.#names.has(end));
    const ending = backwards(name) + ".";
    let at = this.#placeOf(ending);
    while (found.length < 2 && this.#backwards[at]?.startsWith(ending)) {
      found.push(backwards(this.#backwards[at++]));
    }
    return found.slice(0, 2);
  }

  /** Where a text is, or would be, by bisection. */
  #placeOf(text: string): number {
    let low = 0, high = this.#backwards.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#backwards[middle] < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const backwards = (text: string): string => Array.from(text).reverse().join("");

/** Most names that a sentence lists. */
const mostListed = 32;

/**
 * Names with their layer numbers folded: `transformer.h.0…11.attn.c_attn` for twelve of them.
 */
export function listNames(names: readonly string[]): string {
  const numbers = new Map<string, Set<number>>();
  for (const name of names) {
    const layer = /\.(\d+)\./.exec(name);
    const folded = layer ? name.replace(layer[0], ".#.") : name;
    const layers = numbers.get(folded) ?? new Set();
    if (layer) layers.add(Number(layer[1]));
    numbers.set(folded, layers);
  }
  const listed = [...numbers].map(([folded, layers]) => folded.replace("#", rangeOf(layers)));
  return shortened(listed).join(", ");
}

function rangeOf(layers: ReadonlySet<number>): string {
  const [first, last] = boundsOf(layers);
  if (first === last) return `${first}`;
  const isWhole = layers.size === last - first + 1;
  return isWhole ? `${first}…${last}` : `{${shortened([...layers].map(String)).join(",")}}`;
}

function shortened(list: readonly string[]): string[] {
  if (list.length <= mostListed) return [...list];
  return [...list.slice(0, mostListed), `… (${list.length} in all)`];
}
