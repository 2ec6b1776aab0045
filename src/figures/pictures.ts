/**
 * Pictures of matrices: drawings that need no library and have ink for light and for dark pages.
 * They show matrices as boxes to scale, the method W′ = W + s·B·A, 2 × 2 matrices by their image of
 * the unit circle, and a small matrix at every rank.
 *
 * @module
 */

import { grouped, largestOf } from "../core/numbers.ts";
import type { HostTensor } from "../core/tensor.ts";
import { axis, baseLayout, type Figure, palette, sliderFigure, type Trace } from "./figure.ts";
import { escapeHtml, pictureSource } from "./html.ts";
import type { MimeBundle } from "./show.ts";
import { textWidth } from "./format.ts";

// Roles and pages.

/**
 * Role of a matrix: frozen, trained by full fine-tuning, trained by LoRA, merged, or to be learned.
 */
export type PictureRole = "base" | "full" | "lora" | "merged" | "target";

const { base, full, lora: [light, dark], merged, signed: [positive, negative] } = palette;

const onLight = {
  ...{ paper: "#ffffff", ink: "#1f2430", soft: "#5b6270", line: "#dfe3ea", target: "#1f2430" },
  ...{ base, full, lora: dark, merged, positive, negative },
};

/** Colors for dark paper in the place of those that would be hard to see there. */
const onDark = {
  ...{ paper: "#15181f", ink: "#e3e6ec", soft: "#a0a8b8", line: "#2f3541", target: "#e3e6ec" },
  ...{ base: "#9aa3b2", lora: light, positive: "#b67fd0" },
};

const rules = (colors: Readonly<Record<string, string>>): string =>
  `:root { ${Object.entries(colors).map(([name, color]) => `--${name}: ${color};`).join(" ")} }`;

const roles = (["base", "full", "lora", "merged", "target"] satisfies PictureRole[])
  .map((role) => `.${role} { --role: var(--${role}) }`);

/**
 * The style of all pictures, for a page or in an SVG: the colors of the roles, light or dark as the reader's
 * system, and the shapes that have them.
 */
export const pictureStyle = `${rules(onLight)}
@media (prefers-color-scheme: dark) { ${rules(onDark)} }
${roles.join("\n")}
svg .grid { stroke: var(--line); fill: none }
svg .ellipse, svg .spoke { fill: none; stroke: var(--role); stroke-width: 2; stroke-linejoin: round }
svg .ellipse.full { stroke-width: 1.5 }
svg :is(.ellipse, .spoke).base:not(:only-of-type) { stroke-width: 9; opacity: 0.35 }
svg .target { stroke-dasharray: 5 4; stroke-width: 1.5 }
svg .end { fill: var(--role) }
svg .arrow { fill: none; stroke: var(--lora); stroke-width: 2.5 }
svg .dot { fill: var(--soft); opacity: 0.6 }
svg .box { fill: var(--role); fill-opacity: 0.25; stroke: var(--role) }
svg .outline { fill: none; stroke: var(--role) }
svg .positive { fill: var(--positive) }
svg .negative { fill: var(--negative) }`;

/** Share of full color for a value from -1 to 1; the root makes small values visible. */
export const shadeOf = (value: number): number => Math.min(1, Math.sqrt(Math.abs(value)));

/** A drawing with words. */
export interface Picture {
  /** The drawing, self-contained. */
  readonly svg: string;
  /** Description for readers who do not see the picture. */
  readonly alt: string;
  /** Text below it. */
  readonly caption: string;
}

/** The words of a picture. */
export type PictureWords = Pick<Picture, "alt" | "caption">;

const text = `svg text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  fill: var(--ink); text-anchor: middle }
svg .symbol { font: italic 24px Georgia, "Times New Roman", serif }
svg .sign { font: 24px Georgia, "Times New Roman", serif }
svg .note { fill: var(--soft) } svg .strong { font-weight: 600 } svg .start { text-anchor: start }
svg .card { fill: var(--paper); stroke: var(--line) }`;

/** A drawing of this size on a card of its own paper. */
function pictureOf(
  { alt, caption }: PictureWords,
  width: number,
  height: number,
  content: string,
): Picture {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" \
width="${width}" height="${height}" role="img" aria-label="${escapeHtml(alt)}">
<style>
${pictureStyle}
${text}
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${content}
</svg>
`;
  return { svg, alt, caption };
}

/** A picture as `text/html`, an image element, which untrusted notebooks show too, and in two other types. */
export function pictureBundle({ svg, alt, caption }: Picture): MimeBundle {
  const words = escapeHtml(caption);
  return {
    "text/html": `<div style="margin:0.3em 0"><img data-drawing alt="${
      escapeHtml(alt)
    }" style="max-width:100%" src="${
      pictureSource(svg)
    }"><div style="font-size:13px;opacity:0.8">${words}</div></div>`,
    "image/svg+xml": svg,
    "text/plain": [`[picture] ${alt}`, caption].filter((line) => line !== "").join("\n"),
  };
}

// Boxes.

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

/** Options for drawing an equation. */
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
  const { centers, all } = placesOf(terms, cell), parts: string[] = [];
  const width = 2 * pad + Math.max(all, footnote ? textWidth(footnote, 14) : 0);
  for (const [i, term] of terms.entries()) {
    const center = (width - all) / 2 + centers[i];
    parts.push("rows" in term ? boxSvg(term, center, middle, cell) : signSvg(term, center, middle));
    parts.push(
      ...(term.notes ?? []).map((note, i) =>
        textSvg(i === 0 ? "strong" : "note", center, below + 24 + i * lineHeight, note)
      ),
    );
  }
  const foot = below + (lines > 0 ? 8 : 0) + lines * lineHeight + (footnote ? 30 : 0);
  if (footnote) parts.push(textSvg("note", width / 2, foot, footnote));
  return pictureOf(words, Math.ceil(width), Math.ceil(foot + pad), parts.join("\n"));
}

/**
 * The middles of the terms from the left, and the width of all. Boxes and signs keep a gap from each other, and
 * so do their notes, which may reach below a neighbor that has none.
 */
function placesOf(terms: readonly (MatrixBox | EquationSign)[], cell: number) {
  const centers: number[] = [];
  let upper = 0, lower = 0, right = 0;
  for (const term of terms) {
    const half = ("rows" in term ? term.columns * cell : textWidth(term.sign, 24)) / 2;
    const noted = Math.max(0, ...(term.notes ?? []).map((note) => textWidth(note, 14))) / 2;
    const center = Math.max(upper + half, noted > 0 ? lower + noted : 0);
    upper = center + half + gap;
    if (noted > 0) lower = center + noted + gap;
    right = Math.max(right, center + half, center + noted);
    centers.push(center);
  }
  return { centers, all: right };
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

// The method.

/** The example under the boxes: one matrix of GPT-3 175B, at the rank of the paper's abstract. */
const d = 12_288, r = 4;

/** Rows of a square that is drawn; a rank to scale would be too thin to see. */
const side = 12, thin = 2;

const box = (name: string, rows: number, columns: number, notes: string[]): MatrixBox => ({
  ...{ name, rows, columns, notes },
  role: name === "W" ? "base" : "lora",
});

/** W is a square, B tall and thin, A low and wide: their shapes are what the method is. */
export function methodPicture(): Picture {
  const alt = "The adapted weight is W, which stays frozen, plus s times B times A, which are " +
    "trained: B is tall and thin, A is low and wide.";
  const footnote = `GPT-3 175B, one matrix, r = ${r}: ${grouped(d * d)} values stay frozen, ` +
    `${grouped(2 * r * d)} are trained (${grouped(d * d / (2 * r * d))} times fewer); s = α / r`;
  return boxesPicture({ alt, caption: "", footnote, cell: 12 }, [
    { sign: "W′", notes: ["adapted", "d × d"] },
    { sign: "=" },
    box("W", side, side, ["frozen", "d × d", "as it was pretrained"]),
    { sign: "+" },
    { sign: "s ·" },
    box("B", side, thin, ["trained", "d × r", "starts at zero"]),
    { sign: "·" },
    box("A", thin, side, ["trained", "r × d", "starts at random"]),
  ]);
}

// Planes.

/** A matrix, drawn as its image of the unit circle in the color of its role. */
export interface Ellipse {
  /** Four values by rows. */
  readonly matrix: ArrayLike<number>;
  /** Its color. */
  readonly role: PictureRole;
}

const count = 72;

/** Points of the unit circle; the first is (1, 0). */
const circle: readonly Point[] = Array.from({ length: count }, (_, at) => {
  const angle = 2 * Math.PI * at / count;
  return [Math.cos(angle), Math.sin(angle)];
});

type Point = readonly [x: number, y: number];

/** Contents of a drawn plane. */
export interface Plane {
  /** The last is on top. */
  readonly ellipses: readonly Ellipse[];
  /** Points, x and y one after the other. */
  readonly points?: ArrayLike<number>;
  /** Directions of the update, x and y one after the other. */
  readonly arrows: ArrayLike<number>;
  /** Distance from the middle to the edge, in units of the inputs. */
  readonly half: number;
  /** Pixels. */
  readonly size: number;
}

/** A plane beside others. */
export interface TitledPlane extends Omit<Plane, "size"> {
  /** Text above it. */
  readonly title: string;
}

const size = 260, planeGap = 24, head = 34;

/**
 * Planes side by side, with a key of the roles' colors below.
 *
 * @param key Name of each role, such as `{ base: "W", lora: "W + BA" }`.
 *
 * @example
 * ```ts
 * import { planesPicture } from "@lowrank/core/figures";
 *
 * const ellipses = [{ matrix: [1, 0.5, 0, 1], role: "lora" }] as const;
 * const { svg } = planesPicture({ alt: "A circle becomes an ellipse", caption: "" }, [
 *   { title: "outputs", ellipses, arrows: [1, 0], half: 2 },
 * ], { lora: "W + BA" });
 * console.log(svg.length);
 * ```
 */
export function planesPicture(
  words: PictureWords,
  planes: readonly TitledPlane[],
  key: Readonly<Partial<Record<PictureRole, string>>>,
): Picture {
  const width = planeGap + planes.length * (size + planeGap);
  const drawn = planes.map(({ title, ...plane }, i) => {
    const x = planeGap + i * (size + planeGap);
    return `<text class="strong" x="${x + size / 2}" y="${head - 10}">${escapeHtml(title)}</text>` +
      `<svg x="${x}" y="${head}" width="${size}" height="${size}">${
        planeSvg({ ...plane, size })
      }</svg>`;
  });
  let x = planeGap;
  const keys = Object.entries(key).map(([role, text]) => {
    const at = x;
    x += textWidth(text, 14) + 48;
    return `<line class="spoke ${role}" x1="${at}" x2="${at + 18}" y1="${head + size + 22}" y2="${
      head + size + 22
    }"/><text class="start" x="${at + 24}" y="${head + size + 27}">${escapeHtml(text)}</text>`;
  });
  const height = head + size + 42, all = [...drawn, ...keys].join("\n");
  return pictureOf(words, Math.ceil(Math.max(width, x)), height, all);
}

/** The SVG's content: axes, points, arrows, and every ellipse with a spoke to where (1, 0) goes. */
export function planeSvg({ ellipses, points, arrows, half, size }: Plane): string {
  const at = (x: number, y: number) => [x, -y].map((v) => (size / 2 * (1 + v / half)).toFixed(1));
  const middle = size / 2;
  const axes = `<path class="grid" d="M0,${middle}H${size}M${middle},0V${size}"/>`;
  const dots = pairs(points ?? []).map(([x, y]) => at(x, y));
  return [
    axes,
    ...dots.map(([x, y]) => `<circle class="dot" cx="${x}" cy="${y}" r="2"/>`),
    ...ellipses.map(({ matrix, role }) => ellipseSvg(Array.from(matrix), role, at)),
    ...pairs(arrows).map(([x, y]) => arrowSvg(at(0, 0), at(x, y))),
  ].join("");
}

function ellipseSvg(
  [a, b, c, d]: number[],
  role: PictureRole,
  at: (x: number, y: number) => string[],
): string {
  const images = circle.map(([x, y]): Point => [a * x + b * y, c * x + d * y]);
  const [x, y] = at(...images[0]);
  const [cx, cy] = at(0, 0), outline = images.map((point) => at(...point).join(",")).join(" ");
  return `<polygon class="ellipse ${role}" points="${outline}"/>` +
    `<line class="spoke ${role}" x1="${cx}" y1="${cy}" x2="${x}" y2="${y}"/>` +
    `<circle class="end ${role}" cx="${x}" cy="${y}" r="4"/>`;
}

/** A line with a head of two strokes. */
function arrowSvg([x0, y0]: string[], [x1, y1]: string[]): string {
  const [dx, dy] = [Number(x1) - Number(x0), Number(y1) - Number(y0)];
  const length = Math.hypot(dx, dy), angle = Math.atan2(dy, dx) * 180 / Math.PI;
  if (length < 1) return "";
  return `<g class="arrow" transform="translate(${x0} ${y0}) rotate(${angle.toFixed(1)})">` +
    `<path d="M0,0H${length.toFixed(1)}m-7,-4l7,4l-7,4"/></g>`;
}

const pairs = (values: ArrayLike<number>): Point[] =>
  Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]]);

// Matrices at every rank.

/** The best approximation of one rank. */
export interface LowRankPicture {
  /** Directions kept. */
  readonly rank: number;
  /** The matrix. */
  readonly matrix: HostTensor;
  /** Its distance to the whole matrix, in the Frobenius norm. */
  readonly error: number;
}

/** Pixels per square, and the largest height of a figure. */
const square = 34, most = 420;

/** A slider over ranks: white is 0, dark is 1, and values outside of [0, 1] are clamped. */
export function lowRankPictures(
  words: Pick<Figure, "id" | "title" | "caption">,
  pictures: readonly LowRankPicture[],
): Figure {
  const [rows] = pictures[0].matrix.shape;
  return sliderFigure({
    ...words,
    name: "rank k",
    steps: pictures.map(({ rank, matrix, error }) => ({
      label: `${rank}`,
      caption: `${rank} of ${pictures.length} directions, distance ${error.toFixed(3)}`,
      data: [trace(matrix)],
    })),
    layout: baseLayout(
      axis("", { visible: false }),
      axis("", { visible: false, autorange: "reversed", scaleanchor: "x" }),
      { height: Math.min(most, rows * square + 40), margin: { t: 16, r: 20, b: 24, l: 20 } },
    ),
  });
}

function trace({ shape: [rows, columns], data }: HostTensor): Trace {
  const z = Array.from(
    { length: rows },
    (_, i) => Array.from(data.slice(i * columns, (i + 1) * columns), round),
  );
  const colorscale = [[0, "#ffffff"], [1, palette.lora[2]]];
  return { type: "heatmap", z, zmin: 0, zmax: 1, colorscale, showscale: false, xgap: 1, ygap: 1 };
}

/** Three digits are more than colors can show. */
const round = (value: number): number => Math.round(1000 * value) / 1000;
