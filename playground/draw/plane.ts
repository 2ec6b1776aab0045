/** What a matrix makes of the unit circle, as SVG. @module */

import { type DenseMatrix, multiplyTransposed } from "../../src/linalg/mod.ts";

/** A matrix with the class of its role. */
export interface Ellipse {
  readonly matrix: DenseMatrix;
  readonly role: string;
}

const count = 72;

/** Points of the unit circle, one a row; the first is (1, 0). */
const circle: DenseMatrix = {
  rows: count,
  columns: 2,
  data: Float64Array.from({ length: 2 * count }, (_, at) => {
    const angle = 2 * Math.PI * Math.floor(at / 2) / count;
    return at % 2 ? Math.sin(angle) : Math.cos(angle);
  }),
};

/** What is drawn. */
export interface Plane {
  readonly ellipses: readonly Ellipse[];
  /** Points, one a row. */
  readonly points?: DenseMatrix;
  /** Directions of the update, one a row. */
  readonly arrows: DenseMatrix;
  /** From the middle to the edge, in units of the inputs. */
  readonly half: number;
  /** Pixels. */
  readonly size: number;
}

/** The SVG's content: axes, points, arrows, and every ellipse with a spoke to where (1, 0) goes. */
export function planeSvg({ ellipses, points, arrows, half, size }: Plane): string {
  const at = (x: number, y: number) => [x, -y].map((v) => (size / 2 * (1 + v / half)).toFixed(1));
  const middle = size / 2;
  const axes = `<path class="grid" d="M0,${middle}H${size}M${middle},0V${size}"/>`;
  const dots = points ? pairs(points).map(([x, y]) => at(x, y)) : [];
  return [
    axes,
    ...dots.map(([x, y]) => `<circle class="dot" cx="${x}" cy="${y}" r="2"/>`),
    ...ellipses.map(({ matrix, role }) => ellipseSvg(matrix, role, at)),
    ...pairs(arrows).map(([x, y]) => arrowSvg(at(0, 0), at(x, y))),
  ].join("");
}

function ellipseSvg(
  matrix: DenseMatrix,
  role: string,
  at: (x: number, y: number) => string[],
): string {
  const images = pairs(multiplyTransposed(circle, matrix)), [x, y] = at(...images[0]);
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

const pairs = ({ rows, data }: DenseMatrix): [number, number][] =>
  Array.from({ length: rows }, (_, i) => [data[2 * i], data[2 * i + 1]]);
