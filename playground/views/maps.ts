/** Matrices of 16 × 16 as heat maps. @module */

import { largestOf } from "../../src/core/numbers.ts";
import { type DenseMatrix, denseOf, difference, frobeniusNorm } from "../../src/linalg/mod.ts";
import { element, page } from "../dom.ts";
import { type Colors, drawHeatmap, rgb } from "../draw/heatmap.ts";
import type { LessonReading } from "../../src/lesson/lesson.ts";

/** Draws W₀, the changes and their sum on one scale; each factor on its own. */
export function drawMaps(
  { base, shift, lora, full, factors }: LessonReading,
  merged?: DenseMatrix,
): void {
  const sum = merged ?? sumOf(base, lora.matrix), left = difference(shift.matrix, lora.matrix);
  const most = Math.max(largest(base), largest(shift.matrix));
  const named = [
    ["base", base, "W₀"],
    ["lora", lora.matrix, "s·B·A"],
    ["sum", sum, merged ? "W₀ + s·B·A as one matrix" : "W₀ + s·B·A"],
    ["full", full.matrix, "ΔW of full fine-tuning"],
    ["shift", shift.matrix, "D"],
    ["left", left, "D − s·B·A"],
  ] as const;
  for (const [id, matrix, name] of named) {
    drawMap(id, matrix, most, `${name}, of norm ${frobeniusNorm(matrix).toFixed(2)}`);
  }
  for (const name of ["B", "A"] as const) {
    const matrix = denseOf(factors[name]);
    drawMap(name, matrix, largest(matrix), `${name}, ${matrix.rows} × ${matrix.columns}`);
  }
  const title = element("sum-title");
  title.textContent = merged ? "merged" : "W₀ + s·B·A";
  title.className = `title ${merged ? "merged" : "lora"}`;
}

const sumOf = (a: DenseMatrix, b: DenseMatrix): DenseMatrix => ({
  ...a,
  data: a.data.map((value, i) => value + b.data[i]),
});

function drawMap(id: string, matrix: DenseMatrix, most: number, label: string): void {
  const canvas = element(`map-${id}`);
  drawHeatmap(canvas, matrix, most, themeColors());
  canvas.style.width = `calc(var(--cell) * ${matrix.columns})`;
  canvas.style.height = `calc(var(--cell) * ${matrix.rows})`;
  canvas.setAttribute("aria-label", label);
}

const largest = ({ data }: DenseMatrix) => largestOf(data);

function themeColors(): Colors {
  const style = page.getComputedStyle(page.document.documentElement);
  const color = (name: string) => rgb(style.getPropertyValue(name));
  return { positive: color("--positive"), negative: color("--negative"), zero: color("--paper") };
}
