/**
 * Names of modules: matching their ends, listing them in error messages, and finding them in
 * adapters that are made of others.
 *
 * @module
 */

import { boundsOf } from "./numbers.ts";

/** PEFT's rule for the members of a list: the whole path of a module, or its last parts. */
export function isNamed(name: string, module: string): boolean {
  return name === module || name.endsWith(`.${module}`);
}

/** True if the name is the module or is within it: `classifier.dense` is within `classifier`. */
export function isWithin(name: string, module: string): boolean {
  return isNamed(name, module) || `.${name}.`.includes(`.${module}.`);
}

/** The start of the part of a name that ends at `end`, which is a dot or the end of the name. */
const partStart = (name: string, end: number): number =>
  end === 0 ? 0 : name.lastIndexOf(".", end - 1) + 1;

/** The path of the module that a tensor belongs to: its name without the last part. */
export const moduleOf = (tensor: string): string => tensor.replace(/\.[^.]+$/, "");

/** Values by names, found by PEFT's rule in a time that is linear in the length of a name. */
export class NameEndMap<Value> {
  /** The place of each end, by the place of what follows its first dot and the part before that. */
  readonly #places = new Map<string, number>();
  readonly #values: (Value | undefined)[] = [undefined];

  /** Adds a value unless its name has one. */
  add(name: string, value: Value): void {
    let place = 0;
    for (let end = name.length, start; end >= 0; end = start - 1) {
      start = partStart(name, end);
      const key = `${place}.${name.slice(start, end)}`, known = this.#places.get(key);
      place = known ?? this.#values.push(undefined) - 1;
      if (known === undefined) this.#places.set(key, place);
    }
    this.#values[place] ??= value;
  }

  /** The values of all names that are this one or follow a dot in it, the shortest first. */
  find(name: string): Value[] {
    const found: Value[] = [];
    let place: number | undefined = 0;
    for (let end = name.length, start; end >= 0; end = start - 1) {
      start = partStart(name, end);
      place = this.#places.get(`${place}.${name.slice(start, end)}`);
      if (place === undefined) break;
      const value = this.#values[place];
      if (value !== undefined) found.push(value);
    }
    return found;
  }
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
  readonly #names = new NameEndMap<string>();
  /** Spelled backwards and sorted, so that names with the same ending are neighbors. */
  readonly #backwards: readonly string[];

  /** Sorts the names. */
  constructor(names: Iterable<string>) {
    const different = new Set(names);
    for (const name of different) this.#names.add(name, name);
    this.#backwards = Array.from(different, backwards).sort();
  }

  /** The names that end with this one, or that it ends with; two of them if there are several. */
  find(name: string): string[] {
    const found = this.#names.find(name);
    const ending = backwards(name) + ".";
    let at = this.#placeOf(ending);
    while (found.length < 2 && this.#backwards[at]?.startsWith(ending)) {
      found.push(backwards(this.#backwards[at++]));
    }
    return found.slice(0, 2);
  }

  /** The index of a text in the sorted list, or where it would be inserted, by bisection. */
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

/** A value that may have parts. */
interface Whole {
  /** Its parts. */
  readonly parts?: readonly unknown[];
}

/** The adapters that are no part of another: LoRA joined with virtual tokens is one, not three. */
export function wholeAdapters<Adapter extends Whole>(adapters: Iterable<Adapter> = []): Adapter[] {
  const all = [...adapters], parts = new Set(all.flatMap(({ parts = [] }) => parts));
  return all.filter((one) => !parts.has(one));
}
