/** Where the texts of a drawing are, estimated from their lengths: a DOM without a screen cannot tell. @module */

import { textWidth } from "./text_size.ts";

/** The part of a DOM element that we use. */
export interface DrawnElement {
  readonly localName: string;
  readonly parentNode: DrawnElement | null;
  readonly children: Iterable<DrawnElement>;
  readonly style?: { readonly fontSize: string };
  readonly textContent: string | null;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<DrawnElement>;
}

type Point = readonly [x: number, y: number];

/** The rectangle around all texts in an element, in the coordinates of the element's parent. */
export function boundingBox(element: DrawnElement) {
  const points = corners(element);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const left = Math.min(...xs), right = Math.max(...xs);
  const top = Math.min(...ys), bottom = Math.max(...ys);
  if (points.length === 0) return box(0, 0, 0, 0);
  return box(left, top, right, bottom);
}

function box(left: number, top: number, right: number, bottom: number) {
  const width = right - left, height = bottom - top;
  return { x: left, y: top, left, top, right, bottom, width, height };
}

function corners(element: DrawnElement): Point[] {
  const own = element.localName === "text"
    ? textCorners(element)
    : Array.from(element.children).flatMap(corners);
  return own.map((point) => moved(point, element.getAttribute("transform") ?? ""));
}

/** A line is 1.2 times the font's size high, and the next one begins after 1.3 times. */
function textCorners(text: DrawnElement): Point[] {
  if (!text.textContent) return [];
  const size = fontSize(text), tspans = [...text.querySelectorAll("tspan.line")];
  const lines = tspans.length > 0 ? tspans : [text];
  const width = Math.max(...lines.map(({ textContent }) => textWidth(textContent ?? "", size)));
  const anchor = styleOf(text, "text-anchor");
  const share = anchor === "middle" ? 0.5 : anchor === "end" ? 1 : 0;
  const left = Number(text.getAttribute("x")) - share * width;
  const top = Number(text.getAttribute("y")) - 0.95 * size;
  const bottom = top + (1.3 * lines.length - 0.1) * size;
  return [[left, top], [left + width, top], [left, bottom], [left + width, bottom]];
}

function styleOf(element: DrawnElement, name: string): string | null {
  const style = element.getAttribute("style") ?? "";
  return new RegExp(`${name}: *([^;]+)`).exec(style)?.[1] ?? element.getAttribute(name);
}

function fontSize(element: DrawnElement): number {
  for (let node: DrawnElement | null = element; node; node = node.parentNode) {
    const size = parseFloat(node.style?.fontSize ?? "");
    if (size > 0) return size;
  }
  return 12;
}

/** Applies SVG's `translate`, `rotate` and `scale`, the last one first, as SVG does. */
function moved(point: Point, transform: string): Point {
  const steps = [...transform.matchAll(/(\w+)\(([^)]*)\)/g)].reverse();
  return steps.reduce(([x, y], [, name, list]): Point => {
    const [a = 0, b = 0, c = 0] = list.split(/[ ,]+/).map(Number);
    if (name === "translate") return [x + a, y + b];
    if (name === "scale") return [x * a, y * (b || a)];
    const turn = a * Math.PI / 180, cos = Math.cos(turn), sin = Math.sin(turn);
    return [b + cos * (x - b) - sin * (y - c), c + sin * (x - b) + cos * (y - c)];
  }, point);
}
