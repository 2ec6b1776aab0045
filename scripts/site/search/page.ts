/** The search of a page, as one script: `lowrankSearch(query)`, when the index has come. @module */

import MiniSearch from "npm:minisearch@7.2.0";
import { type Entry, find, options } from "./find.ts";

const page = globalThis as unknown as {
  lowrankIndex: Promise<string>;
  lowrankSearch(query: string): Promise<unknown>;
};

let index: Promise<MiniSearch<Entry>> | undefined;

async function loadIndex(): Promise<MiniSearch<Entry>> {
  return MiniSearch.loadJSON(await page.lowrankIndex, options);
}

page.lowrankSearch = async (query) => find(await (index ??= loadIndex()), query);
