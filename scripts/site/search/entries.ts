/** The places of the site that a search finds: sections of guides and notebooks, stops of the playground, every export. @module */

import MiniSearch from "npm:minisearch@7.2.0";
import { stops } from "../../../playground/path.ts";
import { contentsOf } from "../contents.ts";
import type { Guide } from "../markdown.ts";
import { placeOf } from "../repository.ts";
import { type Entry, options } from "./find.ts";

type Place = Omit<Entry, "id">;

/** Pages that are not searched: answers that a reader should not come upon, and a list of changes. */
const apart = [
  "docs/teaching/quiz_answers.md",
  "docs/teaching/solutions.md",
  "docs/teaching/instructor_notes.md",
  "CHANGELOG.md",
];

/** Sections of all guides and notebooks. */
export function guideEntries(guides: ReadonlyMap<string, Guide>): Place[] {
  return [...guides].filter(([path]) => !apart.includes(path)).flatMap(([path, guide]) =>
    sectionsOf(path, guide)
  );
}

function sectionsOf(path: string, { title, html }: Guide): Place[] {
  const place = placeOf({ kind: "page", path, anchor: "" }), kind = kindOf(path);
  const { html: marked, headings } = contentsOf(withoutCells(html));
  const texts = marked.split(/(?=<h[1-6] id=)/).filter((text) => text.startsWith("<h"));
  return headings.map(({ id, html, depth }, at) => ({
    ...{ title: plain(html), page: title, kind },
    place: depth === 1 ? place : `${place}#${id}`,
    text: plain(texts[at].replace(/<h[1-6].*?<\/h[1-6]>/s, "")),
  }));
}

function kindOf(path: string): string {
  if (path.endsWith(".ipynb")) return "notebook";
  if (path.startsWith("docs/decisions/")) return "decision";
  if (path.startsWith("docs/teaching/")) return "teaching";
  return path.startsWith("experiments/") ? "experiment" : "guide";
}

/** A page without its cells, whose outputs would tell what a question asks for. */
const withoutCells = (html: string): string =>
  html.replaceAll(/<section class="cell"[\s\S]*?<\/section>/g, "");

const signs: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" },
};

/** HTML as text. */
const plain = (html: string): string =>
  html.replaceAll(/<(svg|script|style)\b[\s\S]*?<\/\1>|<[^>]*>/g, " ")
    .replaceAll(/&(\w+|#39);/g, (sign, name) => signs[name] ?? sign)
    .replaceAll(/\s+/g, " ").trim();

/** The stops of the playground, by their questions: an answer is found where it is asked for. */
export function stopEntries(): Place[] {
  return stops.map(({ title, text }, at) => ({
    ...{ title, text, page: "Playground", kind: "playground" },
    place: `playground/index.html#stop=${at + 1}`,
  }));
}

/** An export as `deno doc` lists it. */
export interface ApiNode {
  readonly name: string;
  readonly file: string;
  readonly doc: string;
  readonly url: string;
  readonly kind: readonly { readonly title: string }[];
}

/** Exports; members are found on the page of what they belong to. */
export function apiEntries(nodes: readonly ApiNode[]): Place[] {
  return nodes.filter(({ name }) => !name.includes(".")).map(({ name, file, doc, url, kind }) => ({
    ...{ title: name, text: doc, kind: kind[0].title.toLowerCase() },
    page: file === "." ? "@lowrank/core" : `@lowrank/core/${file}`,
    place: `api/${url.replaceAll("./", "")}`,
  }));
}

/** The index of all places. */
export function indexOf(places: readonly Place[]): MiniSearch<Entry> {
  const index = new MiniSearch(options);
  index.addAll(places.map((place, id) => ({ ...place, id })));
  return index;
}
