/** A trie of n-grams with counts, in typed arrays to hold millions of nodes in little memory. @module */

import { hash32 } from "../core/random.ts";

/** The root: the empty n-gram. */
export const ROOT: number = 0;

/** What {@link NgramTrie.find} returns for an n-gram that was never added. */
export const ABSENT: number = -1;

function grown<A extends Int32Array | Uint8Array>(array: A, make: (length: number) => A): A {
  const larger = make(array.length * 2);
  larger.set(array);
  return larger;
}

/** N-grams as nodes: a node's parent is the n-gram without its last token. */
export class NgramTrie {
  /** Number of nodes, the root included. */
  size = 1;
  /** Parent of each node. */
  parent: Int32Array = new Int32Array(1024);
  /** Last token of each node. */
  token: Int32Array = new Int32Array(1024);
  /** Count of each n-gram, maintained by the owner. */
  count: Int32Array = new Int32Array(1024);
  /** Tokens in each n-gram. */
  order: Uint8Array = new Uint8Array(1024);
  #slots: Int32Array = new Int32Array(4096).fill(ABSENT);

  /** The node of the n-gram that extends `node` by `token`, or {@link ABSENT}. */
  find(node: number, token: number): number {
    return this.#slots[this.#slot(node, token)];
  }

  /** Like {@link find}, but adds the n-gram with count 0 if it is absent. */
  findOrAdd(node: number, token: number): number {
    const slot = this.#slot(node, token);
    return this.#slots[slot] !== ABSENT ? this.#slots[slot] : this.#add(slot, node, token);
  }

  #add(slot: number, parent: number, token: number): number {
    if (this.size === this.parent.length) this.#growNodes();
    const node = this.size++;
    this.parent[node] = parent;
    this.token[node] = token;
    this.order[node] = this.order[parent] + 1;
    this.#slots[slot] = node;
    if (this.size * 2 > this.#slots.length) this.#growSlots();
    return node;
  }

  /** The slot that holds (node, token), or the empty one where it belongs. */
  #slot(node: number, token: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash32(token, node) & mask;
    for (let found = this.#slots[slot]; found !== ABSENT; found = this.#slots[slot]) {
      if (this.parent[found] === node && this.token[found] === token) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #growNodes(): void {
    const integers = (length: number) => new Int32Array(length);
    this.parent = grown(this.parent, integers);
    this.token = grown(this.token, integers);
    this.count = grown(this.count, integers);
    this.order = grown(this.order, (length) => new Uint8Array(length));
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(ABSENT);
    for (let node = 1; node < this.size; node++) {
      this.#slots[this.#slot(this.parent[node], this.token[node])] = node;
    }
  }
}
