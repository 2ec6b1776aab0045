/** The pictures of a planted shift. @module */

import { largestOf } from "../../src/core/numbers.ts";
import { fillChart, fillSvg, type SizelessChart } from "../draw/fill.ts";
import { element, page } from "../dom.ts";
import { type Colors, drawHeatmap, rgb } from "../draw/heatmap.ts";
import { matrixMath } from "../draw/matrix.ts";
import { planeSvg } from "../draw/plane.ts";
import {
  type DenseMatrix,
  denseOf,
  frobeniusNorm,
  transposed,
  zeros,
} from "../../src/linalg/mod.ts";
import type { Reading } from "../planted/lesson.ts";

/** Singular values at a step. */
interface Spectrum {
  readonly steps: number;
  readonly lora: Float64Array;
  readonly full: Float64Array;
}

/** Most lines of singular values. */
const mostValues = 8;

/** Draws readings of one lesson, and remembers its spectra. */
export class PlantedView {
  readonly #inputs: DenseMatrix;
  readonly #spectra: Spectrum[] = [];
  #reading: Reading | undefined;
  #merged: DenseMatrix | undefined;

  /** Begins a lesson with these inputs. */
  constructor(inputs: DenseMatrix) {
    this.#inputs = inputs;
    const isPlane = inputs.columns === 2;
    element("plane").hidden = !isPlane;
    element("matrix").hidden = isPlane;
  }

  /** Takes a reading. */
  take(reading: Reading): void {
    const { steps, lora, full } = reading;
    if (this.#spectra.at(-1)?.steps !== steps) {
      this.#spectra.push({ steps, lora: lora.values, full: full.values });
    }
    this.#reading = reading;
  }

  /** Shows a merged matrix beside, or none. */
  showMerged(matrix?: DenseMatrix): void {
    this.#merged = matrix;
    this.draw();
  }

  /** Draws the last reading. */
  draw(): void {
    const reading = this.#reading;
    if (!reading) return;
    if (this.#inputs.columns === 2) this.#drawPlane(reading);
    else this.#drawMaps(reading);
    fillChart("spectrum", spectrumLabel(reading), spectrumChart(reading, this.#spectra));
    fillChart("loss", lossLabel(reading), lossChart(reading));
  }

  #drawPlane({ base, shift, lora, full, factors }: Reading): void {
    const changed = ({ data }: DenseMatrix) => ({
      ...base,
      data: base.data.map((value, i) => value + data[i]),
    });
    const merged = this.#merged ? [{ matrix: this.#merged, role: "merged" }] : [];
    const target = { matrix: changed(shift.matrix), role: "target" };
    const ellipses = [
      { matrix: base, role: "base" },
      { matrix: changed(full.matrix), role: "full" },
      { matrix: changed(lora.matrix), role: "lora" },
      ...merged,
      target,
    ];
    const half = 1.15 * Math.max(1, ...[base, target.matrix].map(frobeniusNorm));
    const unit = { rows: 2, columns: 2, data: Float64Array.of(1, 0, 0, 1) };
    element("plane").querySelector(".key .merged").hidden = !this.#merged;
    const inputs = "The inputs as points, and the unit circle";
    const before = { ellipses: [{ matrix: unit, role: "base" }], points: this.#inputs, half: 3 };
    const A = denseOf(factors.A), B = transposed(denseOf(factors.B));
    fillSvg("before", inputs, (size) => planeSvg({ ...before, arrows: A, size }));
    const words = "Ellipses of W₀, full fine-tuning, W₀ + s·B·A, and dashed the target";
    fillSvg("after", words, (size) => planeSvg({ ellipses, arrows: B, half, size }));
    const named = { D: shift.matrix, "s·B·A": lora.matrix, B: denseOf(factors.B), A };
    element("values").innerHTML = Object.entries(named).map(([name, matrix]) =>
      matrixMath(name, matrix)
    ).join("");
  }

  #drawMaps({ shift, lora, full, factors }: Reading): void {
    const colors = themeColors(), most = largest(shift.matrix);
    const draw = (id: string, matrix: DenseMatrix, most: number, label: string) => {
      const canvas = element(`map-${id}`);
      drawHeatmap(canvas, matrix, most, colors);
      canvas.style.width = `calc(var(--cell) * ${matrix.columns})`;
      canvas.style.height = `calc(var(--cell) * ${matrix.rows})`;
      canvas.setAttribute("aria-label", label);
    };
    draw("shift", shift.matrix, most, "D");
    draw("lora", lora.matrix, most, `s·B·A, of norm ${frobeniusNorm(lora.matrix).toFixed(2)}`);
    draw("full", full.matrix, most, `ΔW, of norm ${frobeniusNorm(full.matrix).toFixed(2)}`);
    for (const name of ["B", "A"] as const) {
      const matrix = denseOf(factors[name]);
      draw(name, matrix, largest(matrix), `${name}, ${matrix.rows} × ${matrix.columns}`);
    }
    element("merged-map").hidden = !this.#merged;
    element("factors").hidden = !!this.#merged;
    const merged = this.#merged ?? zeros(1, 1);
    draw("merged", merged, largest(merged), "W₀ + s·B·A as one matrix");
  }
}

const largest = ({ data }: DenseMatrix) => Math.max(...data.map(Math.abs));

function themeColors(): Colors {
  const style = page.getComputedStyle(page.document.documentElement);
  const color = (name: string) => rgb(style.getPropertyValue(name));
  return { positive: color("--positive"), negative: color("--negative"), zero: color("--paper") };
}

/** The steps on the axis, which grow in jumps: 100, 200, 500, 1000, … */
function upTo(steps: number): [number, number] {
  const power = 10 ** Math.floor(Math.log10(Math.max(steps, 100)));
  return [0, [1, 2, 5, 10].map((times) => times * power).find((end) => end >= steps)!];
}

function spectrumChart({ shift, steps }: Reading, spectra: readonly Spectrum[]): SizelessChart {
  const count = Math.min(mostValues, shift.values.length);
  const lines = (["full", "lora"] as const).map((role) => ({
    role,
    lines: Array.from(
      { length: count },
      (_, i) => spectra.map((at) => [at.steps, at[role][i]] as const),
    ),
  }));
  const planted = [...shift.values].filter((value) => value > 1e-9 * shift.values[0]);
  const seen = Math.max(...spectra.map(({ lora, full }) => Math.max(lora[0], full[0])));
  const highest = Math.min(1.5 * shift.values[0], Math.max(shift.values[0], seen));
  return {
    lines,
    marks: planted.map((y, i) => ({
      y,
      role: "target",
      label: i < 4 ? `σ${sub(i + 1)} of D` : "",
    })),
    x: upTo(steps),
    y: [0, 1.08 * highest],
    names: ["step", "singular value"],
  };
}

const sub = (digit: number) => "₀₁₂₃₄₅₆₇₈₉"[digit];

const leastOf = (values: readonly number[]) =>
  values.reduce((least, value) => Math.min(least, value), Infinity);

/** A loss below this share of W₀'s is drawn at it. */
const floor = 1e-9;

function lossChart({ losses, bounds, steps }: Reading): SizelessChart {
  const line = (role: "lora" | "full") => ({
    role,
    lines: [losses[role].map((loss, step) => [step, loss] as const)],
  });
  const best = bounds.best === undefined || bounds.best < floor * bounds.base
    ? []
    : [{ y: bounds.best, role: "target", label: "best of r" }];
  const seen = [losses.lora, losses.full, best.map(({ y }) => y)].map(leastOf);
  const least = Math.min(bounds.base / 10, ...seen),
    most = largestOf([bounds.base, ...losses.lora]);
  return {
    lines: [line("full"), line("lora")],
    marks: [{ y: bounds.base, role: "base", label: "W₀" }, ...best],
    x: upTo(steps),
    y: [Math.max(floor * bounds.base, 10 ** Math.floor(Math.log10(least))), 1.3 * most],
    log: true,
    names: ["step", "loss, log scale"],
  };
}

const spectrumLabel = ({ steps, lora, shift }: Reading) =>
  `At step ${steps} the singular values of s·B·A are ${listed(lora.values)}; those of D are ${
    listed(shift.values)
  }`;

const lossLabel = ({ steps, losses }: Reading) =>
  `At step ${steps} the loss of LoRA is ${losses.lora.at(-1)?.toPrecision(3) ?? "not known"}, ` +
  `of full fine-tuning ${losses.full.at(-1)?.toPrecision(3) ?? "not known"}`;

const listed = (values: Float64Array) =>
  [...values].slice(0, mostValues).map((value) => value.toFixed(2)).join(", ");
