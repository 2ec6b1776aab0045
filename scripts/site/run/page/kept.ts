/** Texts that a page keeps over a reload: edited cells, and the last outputs. @module */

import { page, type TextStore } from "./dom.ts";

/** A store of texts, by names that hold for one page. */
export interface Kept {
  /** The text of a name. */
  get(name: string): string | undefined;
  /** Keeps a text, or nothing where it is undefined or there is no room. */
  set(name: string, text: string | undefined): void;
}

/** Texts for this page in a store of the browser. */
export function keptIn(kind: "localStorage" | "sessionStorage"): Kept {
  const key = (name: string) => `lowrank-cells: ${page.location.pathname} ${name}`;
  const within = <T>(use: (store: TextStore) => T): T | undefined => {
    try {
      return use(page[kind]);
    } catch {
      return undefined; // A browser may keep nothing, or no more.
    }
  };
  return {
    get: (name) => within((store) => store.getItem(key(name))) ?? undefined,
    set: (name, text) =>
      void within((store) =>
        text === undefined ? store.removeItem(key(name)) : store.setItem(key(name), text)
      ),
  };
}
