/** Typed text, kept over a reload. @module */

import { element, page } from "./dom.ts";

/** Fills a field with what was typed in this tab, or with a first text, and keeps what is typed from now on. */
export function keepValue(id: string, first: string): void {
  const field = element(id);
  field.value = stored((all) => all.getItem(id)) ?? first;
  field.addEventListener("input", () => stored((all) => all.setItem(id, field.value)));
}

/** A browser may keep nothing for a page, and says so by an error. */
function stored<T>(use: (all: typeof page.sessionStorage) => T): T | undefined {
  try {
    return use(page.sessionStorage);
  } catch {
    return undefined;
  }
}
