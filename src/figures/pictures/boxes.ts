/** Matrices as boxes to scale: tall times wide is what the method is. @module */

import { largestOf } from "../../core/numbers.ts";
import { escapeHtml } from "../html.ts";
import { textWidth } from "../text_size.ts";
import { type Picture, pictureOf, type PictureWords } from "./picture.ts";
import { type PictureRole, shadeOf } from "./roles.ts";

/** A matrix, drawn to scale. */
export interface MatrixBox {
  /** Its letter, above it. */
  readonly name: string;
  /** Its height, in values. */
  readonly rows: number;
  /** Its width, in values. */
  readonly columns: number;
  /** Its color: that of the outline, where it has values. */
  readonly role: PictureRole;
  /** Its values by rows: purple is positive, gold negative, by the root, on a scale of its own. */
  readonly values?: ArrayLike<number>;
  /** Lines below it; the first is strong. */
  readonly notes?: readonly string[];
}

/** A sign or a letter between boxes. */
export interface EquationSign {
  /** `=`, `+`, `·`. */
  readonly sign: string;
  /** Lines below it; the first is strong. */
  readonly notes?: readonly string[];
}

/** How an equation is drawn. */
export interface BoxesOptions extends PictureWords {
  /** Pixels of a row, and of a column. Default: 14. */
  readonly cell?: number;
  /** A line below all, in the drawing. */
  readonly footnote?: string;
}

const pad = 20, gap = 12, lineHeight = 20, nameHeight = 30;

/**
 * An equation of matrices as boxes whose sizes are those of the matrices.
 *
 * @example
 * ```ts
 * import { boxesPicture } from "@lowrank/core/figures";
 *
 * const { svg } = boxesPicture({ alt: "B times A is ΔW", caption: "Rank 2." }, [
 *   { name: "B", rows: 12, columns: 2, role: "lora" },
 *   { sign: "·" },
 *   { name: "A", rows: 2, columns: 16, role: "lora" },
 *   { sign: "=" },
 *   { name: "ΔW", rows: 12, columns: 16, role: "lora" },
 * ]);
 * console.log(svg.length);
 * ```
 */
export function boxesPicture(
  { cell = 14, footnote, ...words }: BoxesOptions,
  terms: readonly (MatrixBox | EquationSign)[],
): Picture {
  const rows = Math.max(...terms.map((term) => "rows" in term ? term.rows : 1));
  const lines = Math.max(...terms.map(({ notes = [] }) => notes.length));
  const middle = pad + nameHeight + rows * cell / 2, below = middle + rows * cell / 2;
  const widths = terms.map((term) => widthOf(term, cell)), parts: string[] = [];
  const all = widths.reduce((sum, width) => sum + width + gap, -gap);
  const width = 2 * pad + Math.max(all, footnote ? textWidth(footnote, 14) : 0);
  let x = (width - all) / 2;
  for (const [i, term] of terms.entries()) {
    const center = x + widths[i] / 2;
    parts.push("rows" in term ? boxSvg(term, center, middle, cell) : signSvg(term, center, middle));
    parts.push(
      ...(term.notes ?? []).map((note, i) =>
        textSvg(i === 0 ? "strong" : "note", center, below + 24 + i * lineHeight, note)
      ),
    );
    x += widths[i] + gap;
  }
  const foot = below + (lines > 0 ? 8 : 0) + lines * lineHeight + (footnote ? 30 : 0);
  if (footnote) parts.push(textSvg("note", width / 2, foot, footnote));
  return pictureOf(words, Math.ceil(width), Math.ceil(foot + pad), parts.join("\n"));
}

/** A term is as wide as its box or its widest line. */
function widthOf(term: MatrixBox | EquationSign, cell: number): number {
  const lines = (term.notes ?? []).map((note) => textWidth(note, 14));
  return Math.max("rows" in term ? term.columns * cell : textWidth(term.sign, 24), ...lines);
}

function boxSvg(box: MatrixBox, center: number, middle: number, cell: number): string {
  const { name, rows, columns, role, values } = box;
  const width = columns * cell, height = rows * cell, x = center - width / 2;
  const y = middle - height / 2, at = [x, y, width, height].map((value) => value.toFixed(1));
  const kind = values ? "outline" : "box";
  return [
    values ? valuesSvg(values, columns, [x, y], cell) : "",
    `<rect class="${kind} ${role}" x="${at[0]}" y="${at[1]}" width="${at[2]}" height="${at[3]}"/>`,
    textSvg("symbol", center, y - 10, name),
  ].join("");
}

const signSvg = ({ sign }: EquationSign, center: number, middle: number): string =>
  textSvg("sign", center, middle + 8, sign);

const textSvg = (kind: string, x: number, y: number, text: string): string =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escapeHtml(text)}</text>`;

/** Steps of color: more cannot be told apart. */
const shades = 8;

/** Squares of one color are one path. */
function valuesSvg(
  values: ArrayLike<number>,
  columns: number,
  [left, top]: readonly [number, number],
  cell: number,
): string {
  const most = largestOf(values) || 1, paths = new Map<string, string>();
  Array.from(values).forEach((value, at) => {
    const shade = Math.round(shades * shadeOf(value / most));
    if (shade === 0) return;
    const key = `class="${value < 0 ? "negative" : "positive"}" fill-opacity="${shade / shades}"`;
    const square = `M${at % columns} ${Math.floor(at / columns)}h1v1h-1z`;
    paths.set(key, (paths.get(key) ?? "") + square);
  });
  const all = Array.from(paths, ([key, path]) => `<path ${key} d="${path}"/>`);
  return `<g transform="translate(${left.toFixed(1)} ${top.toFixed(1)}) scale(${cell})">${
    all.join("")
  }</g>`;
}
