/** Matrices of 16 × 16 as heat maps. @module */

import { largestOf } from "../../src/core/numbers.ts";
import { type DenseMatrix, denseOf, difference, frobeniusNorm, sum } from "../../src/linalg/mod.ts";
import { element, page } from "../dom.ts";
import { type Colors, drawHeatmap, rgb } from "../draw/heatmap.ts";
import type { LessonReading } from "../../src/lesson/lesson.ts";
import type { BesideReading } from "./words.ts";

/** Draws W₀, the changes and their sum on one scale; each factor on its own. */
export function drawMaps(
  { base, shift, lora, full, factors }: LessonReading,
  merged?: DenseMatrix,
  beside?: BesideReading,
): void {
  const whole = merged ?? sum(base, lora.matrix), left = difference(shift.matrix, lora.matrix);
  const most = Math.max(largest(base), largest(shift.matrix));
  const named = [
    ["base", base, "W₀"],
    ["lora", lora.matrix, "s·B·A"],
    ["sum", whole, merged ? "W₀ + s·B·A as one matrix" : "W₀ + s·B·A"],
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
  drawBeside(most, beside);
  const title = element("sum-title");
  title.textContent = merged ? "merged" : "W₀ + s·B·A";
  title.className = `title ${merged ? "merged" : "lora"}`;
}

/** Draws the change that a run beside has learned, and the rest, in the places of the factors. */
function drawBeside(most: number, beside?: BesideReading): void {
  for (const id of ["cell-B", "cell-A"]) element(id).hidden = !!beside;
  for (const id of ["cell-beside", "cell-left-beside"]) element(id).hidden = !beside;
  if (!beside) return;
  const { rank, reading: { lora, shift } } = beside, of = `of r = ${rank}`;
  const left = difference(shift.matrix, lora.matrix);
  element("beside-title").textContent = `s·B·A ${of}`;
  element("left-beside-title").textContent = `left ${of}`;
  for (const [id, matrix] of [["", lora.matrix], ["left-", left]] as const) {
    const name = id === "" ? "s·B·A" : "D − s·B·A";
    const label = `${name} ${of}, of norm ${frobeniusNorm(matrix).toFixed(2)}`;
    drawMap(`${id}beside`, matrix, most, label);
  }
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
