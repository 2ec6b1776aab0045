/** What matrices of 2 × 2 make of the unit circle. @module */

import { escapeHtml } from "../html.ts";
import { textWidth } from "../text_size.ts";
import { type Picture, pictureOf, type PictureWords } from "./picture.ts";
import type { PictureRole } from "./roles.ts";

/** What a matrix makes of the unit circle, in the color of its role. */
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

/** What is drawn. */
export interface Plane {
  /** The last is on top. */
  readonly ellipses: readonly Ellipse[];
  /** Points, x and y one after the other. */
  readonly points?: ArrayLike<number>;
  /** Directions of the update, x and y one after the other. */
  readonly arrows: ArrayLike<number>;
  /** From the middle to the edge, in units of the inputs. */
  readonly half: number;
  /** Pixels. */
  readonly size: number;
}

/** A plane beside others. */
export interface TitledPlane extends Omit<Plane, "size"> {
  /** What is above it. */
  readonly title: string;
}

const size = 260, gap = 24, head = 34;

/**
 * Planes side by side, with a key of the roles' colors below.
 *
 * @param key What each role is, such as `{ base: "W", lora: "W + BA" }`.
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
  const width = gap + planes.length * (size + gap);
  const drawn = planes.map(({ title, ...plane }, i) => {
    const x = gap + i * (size + gap);
    return `<text class="strong" x="${x + size / 2}" y="${head - 10}">${escapeHtml(title)}</text>` +
      `<svg x="${x}" y="${head}" width="${size}" height="${size}">${
        planeSvg({ ...plane, size })
      }</svg>`;
  });
  let x = gap;
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
