/** Matrices of 16 × 16 as heat maps. @module */

import { largestOf } from "../../src/core/numbers.ts";
import { type DenseMatrix, denseOf, frobeniusNorm, zeros } from "../../src/linalg/mod.ts";
import { element, page } from "../dom.ts";
import { type Colors, drawHeatmap, rgb } from "../draw/heatmap.ts";
import type { LessonReading } from "../../src/lesson/lesson.ts";

/** Draws D and what was learned on the scale of D; factors, or the merged matrix, on their own. */
export function drawMaps(
  { shift, lora, full, factors }: LessonReading,
  merged?: DenseMatrix,
): void {
  const most = largest(shift.matrix), norm = (m: DenseMatrix) => frobeniusNorm(m).toFixed(2);
  drawMap("shift", shift.matrix, most, `D, of norm ${norm(shift.matrix)}`);
  drawMap("lora", lora.matrix, most, `s·B·A, of norm ${norm(lora.matrix)}`);
  drawMap("full", full.matrix, most, `ΔW of full fine-tuning, of norm ${norm(full.matrix)}`);
  for (const name of ["B", "A"] as const) {
    const matrix = denseOf(factors[name]);
    drawMap(name, matrix, largest(matrix), `${name}, ${matrix.rows} × ${matrix.columns}`);
  }
  element("merged-map").hidden = !merged;
  element("factors").hidden = !!merged;
  const one = merged ?? zeros(1, 1);
  drawMap("merged", one, largest(one), "W₀ + s·B·A as one matrix");
}

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
