/** The parts of an output. @module */

import { figureBundle, type MimeBundle } from "../figures/show.ts";
import type { DataTable, Figure } from "../figures/figure.ts";
import { formulaBundle, formulaPictures } from "../figures/formula.ts";
import { escapeHtml } from "../figures/html.ts";
import { type Picture, pictureBundle } from "../figures/pictures.ts";
import { tableBundle } from "../figures/table_bundle.ts";

/** A formula in TeX, made by {@link tex}. */
export interface Tex {
  /** TeX without dollar signs. */
  readonly tex: string;
}

/** A picture, a table, a formula or lines of text. */
export type Part = Figure | Picture | DataTable | Tex | string;

/**
 * A formula for `show`.
 *
 * @example
 * ```ts
 * import { show, tex } from "@lowrank/core/notebook";
 *
 * await show(tex("\\Delta W = s B A"));
 * ```
 */
export function tex(source: string): Tex {
  return { tex: source };
}

/** A part in all its forms. */
export interface Rendered {
  /** All its media types. */
  readonly bundle: MimeBundle;
  /** The part as HTML, which not every bundle contains. */
  readonly html: string;
  /** The part as text. */
  readonly text: string;
}

/** Joins all parts in one bundle, one below another. */
export async function bundleOf(parts: readonly Part[]): Promise<MimeBundle> {
  const all: Rendered[] = [];
  for (const part of parts) all.push(await render(part));
  if (all.length === 1) return all[0].bundle;
  return {
    "text/html": all.map(({ html }) => html).join("\n"),
    "text/plain": all.map(({ text }) => text).join("\n\n"),
  };
}

/** Makes all forms of a part; `width` is that of a figure's pictures. */
export async function render(part: Part, width?: number): Promise<Rendered> {
  const bundle = await bundleOfPart(part, width), text = String(bundle["text/plain"]);
  return { bundle, text, html: await htmlOf(part, bundle) };
}

async function bundleOfPart(part: Part, width?: number): Promise<MimeBundle> {
  if (typeof part === "string") return { "text/html": textHtml(part), "text/plain": part };
  if ("tex" in part) return await formulaBundle(part.tex);
  if ("svg" in part) return pictureBundle(part);
  return await ("rows" in part ? tableBundle(part) : figureBundle(part, width));
}

/** A formula's bundle has no HTML: front ends would choose it over the better types. */
async function htmlOf(part: Part, bundle: MimeBundle): Promise<string> {
  if (typeof part === "object" && "tex" in part) {
    return `<div>${(await formulaPictures())(part.tex)}</div>`;
  }
  return String(bundle["text/html"]);
}

/** Text with its line breaks and spaces; a single line wraps. */
function textHtml(text: string): string {
  const tag = text.includes("\n") ? "pre" : "div";
  return `<${tag} style="margin: 0 0 0.5em">${escapeHtml(text)}</${tag}>`;
}
