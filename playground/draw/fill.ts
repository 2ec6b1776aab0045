/** Fills the SVGs of the page with pictures of their own size in pixels. @module */

import { element, type PageElement } from "../dom.ts";
import { type Chart, drawChart } from "./chart.ts";

/** A chart as large as its place. */
export type SizelessChart = Omit<Chart, "width" | "height">;

/** Fills an SVG, and says what it shows; a hidden one has no width. */
export function fillSvg(
  id: string,
  label: string,
  draw: (width: number, height: number) => string,
): void {
  const svg = element(id), { clientWidth: width, clientHeight: height } = svg;
  if (width === 0) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-label", label);
  svg.innerHTML = draw(width, height);
}

/** The current frames of the charts: parsing one takes longer than drawing its lines. */
const frames = new Map<PageElement, string>();

/** Fills an SVG with a chart, if it is not hidden. */
export function fillChart(id: string, label: string, chart: SizelessChart): void {
  const svg = element(id), { clientWidth: width, clientHeight: height } = svg;
  if (width === 0) return;
  const { frame, lines } = drawChart({ ...chart, width, height });
  svg.setAttribute("aria-label", label);
  if (frames.get(svg) !== frame) {
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.innerHTML = frame;
    frames.set(svg, frame);
  }
  svg.querySelector("svg").innerHTML = lines;
}
