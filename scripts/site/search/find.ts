/** The search: in the page, and in its tests. @module */

import type { default as MiniSearch, Options, SearchResult } from "npm:minisearch@7.2.0";

/** A place of the site that can be found. */
export interface Entry {
  readonly id: number;
  /** A heading, or the name of an export. */
  readonly title: string;
  /** The title of its page. */
  readonly page: string;
  /** Words for what it is: `notebook`, `function`. */
  readonly kind: string;
  /** The page and the anchor in the site. */
  readonly place: string;
  readonly text: string;
}

/** The part of an entry that a reader sees. */
export type Found = Pick<Entry, "title" | "page" | "kind" | "place" | "text">;

/** Words that say nothing about a place. */
const empty = new Set(
  ("a an and are as at be by can do does for from has have how i in is it its my of on or that the " +
    "this to use we what when where which with you your").split(" "),
);

/** Words of a text; a name such as `mergeReport` is one, and `merge` and `report` too. */
function wordsOf(text: string): string[] {
  const words = text.match(/[\p{L}\p{N}_²³]+/gu) ?? [];
  return words.flatMap((word) => {
    const inner = word.split(/_|(?<=[a-z0-9])(?=[A-Z])/);
    return inner.length > 1 ? [word, ...inner] : [word];
  });
}

/** Names of letters, of which readers type either. */
const letters = new Map([
  ["α", "alpha"],
  ["σ", "sigma"],
  ["φ", "phi"],
  ["η", "eta"],
  ["r", "rank"],
]);

const termOf = (word: string): string | null => {
  const lower = word.toLowerCase(), term = letters.get(lower) ?? lower;
  return term === "" || empty.has(term) ? null : term;
};

/** The first words of a text, as a reader sees them below a title. */
const beginningOf = (text: string, most = 140): string =>
  text.length <= most ? text : `${text.slice(0, most).replace(/\s+\S*$/, "")} …`;

/** The way in which texts are taken apart; the index was made with the same. */
export const options: Options<Entry> = {
  fields: ["title", "page", "text"],
  storeFields: ["title", "page", "kind", "place", "says"],
  extractField: (entry, name) =>
    name === "says" ? beginningOf(entry.text) : `${entry[name as keyof Entry]}`,
  tokenize: wordsOf,
  processTerm: termOf,
};

/** At most so many places that answer a query, the best first: those with all of its words before those with some. */
export function find(index: MiniSearch<Entry>, query: string, most = 12): Found[] {
  const asked = new Set(wordsOf(query).map(termOf));
  const search = (combineWith: "AND" | "OR") =>
    index.search(query, {
      boost: { title: 3, page: 1.5 },
      prefix: (term) => term.length > 2,
      fuzzy: (term) => term.length > 4 ? 0.2 : false,
      boostDocument: (_, __, stored) =>
        isNamed(`${stored?.title}`, asked) ? 5 : weightOf(stored as Found),
      combineWith,
    });
  const all = search("AND");
  const ids = new Set(all.map(({ id }) => id));
  const some = search("OR").filter(({ id }) => !ids.has(id));
  return [...all, ...some].slice(0, most).map(foundOf);
}

/**
 * Texts that explain a choice, and exports that few programs import, stand behind ways to do something; the
 * playground, where readers see it happen, before them.
 */
function weightOf({ kind, place }: Found): number {
  if (kind === "playground") return 2;
  const isBehind = kind === "decision" || kind === "experiment" || /^api\/\w/.test(place);
  return isBehind ? 0.6 : 1;
}

/** True if a query's word is the whole name. */
const isNamed = (title: string, asked: ReadonlySet<string | null>): boolean =>
  asked.has(title.toLowerCase());

const foundOf = ({ title, page, kind, place, says }: SearchResult): Found => ({
  ...{ title, page, kind, place, text: says },
});
