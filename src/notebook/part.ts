/** What an output consists of. @module */

import { figureBundle, type MimeBundle } from "../figures/bundle.ts";
import type { DataTable, Figure } from "../figures/figure.ts";
import { formulaBundle, formulaPictures } from "../figures/formula.ts";
import { escapeHtml } from "../figures/html.ts";
import { tableBundle } from "../figures/table_bundle.ts";

/** A formula in TeX, made by {@link tex}. */
export interface Tex {
  /** What stands between the dollars. */
  readonly tex: string;
}

/** A picture, a table, a formula or lines of text. */
export type Part = Figure | DataTable | Tex | string;

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

/** A part as others put it together. */
export interface Rendered {
  /** All its types. */
  readonly bundle: MimeBundle;
  /** As HTML, which not every bundle has. */
  readonly html: string;
  /** As text. */
  readonly text: string;
}

/** One bundle of all parts, one below the other. */
export async function bundleOf(parts: readonly Part[]): Promise<MimeBundle> {
  const all: Rendered[] = [];
  for (const part of parts) all.push(await render(part));
  if (all.length === 1) return all[0].bundle;
  return {
    "text/html": all.map(({ html }) => html).join("\n"),
    "text/plain": all.map(({ text }) => text).join("\n\n"),
  };
}

/** Makes all types of a part. */
export async function render(part: Part): Promise<Rendered> {
  const bundle = await bundleOfPart(part), text = String(bundle["text/plain"]);
  return { bundle, text, html: await htmlOf(part, bundle) };
}

async function bundleOfPart(part: Part): Promise<MimeBundle> {
  if (typeof part === "string") return { "text/plain": part };
  if ("tex" in part) return await formulaBundle(part.tex);
  return await ("rows" in part ? tableBundle(part) : figureBundle(part));
}

/** A formula's bundle has no HTML, which front ends would prefer to what is better where it stands alone. */
async function htmlOf(part: Part, bundle: MimeBundle): Promise<string> {
  if (typeof part === "string") return textHtml(part);
  if ("tex" in part) return `<div>${(await formulaPictures())(part.tex)}</div>`;
  return String(bundle["text/html"]);
}

/** Text with its lines and spaces; one line runs on as words do. */
function textHtml(text: string): string {
  const tag = text.includes("\n") ? "pre" : "div";
  return `<${tag} style="margin: 0 0 0.5em">${escapeHtml(text)}</${tag}>`;
}
