/**
 * Comparison of two runs of a notebook: `text/plain` and the data of all figures, cell by cell.
 *
 * Whole numbers must be equal: they count things. Other numbers may differ by 5 %, or by two units
 * of the last printed digit, and in a figure by 5 % of the largest of their array. For notebooks run
 * on the machine's best device (WebAssembly, OpenBLAS, WebGPU), which add float32 numbers in
 * different orders, and a live training of some hundred steps makes more of such a difference; but
 * a wrong figure, scale or sign differs by more. Times are not compared: numbers before a unit of
 * time, and all that a cell shows that has the tag `varies` (a table of times, what a model writes).
 *
 * @module
 */

import { type CodeCell, codeCells, type Notebook } from "../../scripts/support/notebook_file.ts";
import type { Bundle, Output } from "../../scripts/support/notebook_outputs.ts";

const relative = 0.05;

/** Says, one sentence each, where the second run differs from the first. */
export function differences(before: Notebook, after: Notebook): string[] {
  const [old, fresh] = [codeCells(before), codeCells(after)];
  const ids = (cells: CodeCell[]) => cells.map(({ id }) => id).join(", ");
  if (ids(old) !== ids(fresh)) return [`the cells are ${ids(old)}, then ${ids(fresh)}`];
  return old.flatMap((cell, index) =>
    cellDifferences(cell, fresh[index]).map((what) => `cell ${cell.id}: ${what}`)
  );
}

function cellDifferences(before: CodeCell, after: CodeCell): string[] {
  const kinds = ({ outputs }: CodeCell) => outputs.map(kindsOf).join("; ") || "nothing";
  if (kinds(before) !== kinds(after)) return [`showed ${kinds(before)}, now ${kinds(after)}`];
  if (varies(before)) return [];
  return before.outputs.flatMap((output, index) => outputDifferences(output, after.outputs[index]));
}

/** `setup` says which versions and which device there are. */
function varies({ metadata: { tags }, source }: CodeCell): boolean {
  return (Array.isArray(tags) && tags.includes("varies")) || /\bawait setup\(/.test(source);
}

/** JupyterLab adds a PNG of its own to some outputs that it saves. */
function kindsOf(output: Output): string {
  if (!("data" in output)) return output.output_type;
  return Object.keys(output.data).filter((mime) => mime !== "image/png").sort().join(" + ");
}

function outputDifferences(before: Output, after: Output): string[] {
  if (before.output_type === "stream" && after.output_type === "stream") {
    return textDifferences(before.text, after.text);
  }
  if (!("data" in before && "data" in after)) return [];
  const text = valueDifferences(before.data["text/plain"], after.data["text/plain"], "text");
  const alone = valueDifferences(figureOf(before.data), figureOf(after.data), "figure");
  const drawn = valueDifferences(figuresDrawn(before.data), figuresDrawn(after.data), "figures");
  return [...text, ...(alone.length > 0 ? alone : drawn)];
}

/** Data and layout of a figure, without the configuration of its window. */
function figureOf(bundle: Bundle): Bundle {
  const figure = bundle["application/vnd.plotly.v1+json"] as Bundle | undefined;
  return { data: figure?.data, layout: figure?.layout };
}

/** Figures that the page's script draws, of an output with several of them or with a slider. */
export function figuresDrawn(bundle: Bundle): unknown[] {
  const html = String(bundle["text/html"] ?? "");
  return [...html.matchAll(/lowrankFigures\.draw\(place, (\{.*\})\);$/gm)]
    .map(([, figure]) => JSON.parse(figure));
}

function valueDifferences(before: unknown, after: unknown, path: string): string[] {
  const at = (found: string[]) => found.map((what) => `${path}: ${what}`);
  if (typeof before === "string" && typeof after === "string") {
    return at(textDifferences(before, after));
  }
  if (typeof before === "number" && typeof after === "number") {
    return isNear(before, after, Math.abs(before)) ? [] : at([`${before} is now ${after}`]);
  }
  if (isNumbers(before) && isNumbers(after)) return at(arrayDifferences(before, after));
  if (!isObject(before) || !isObject(after)) {
    return before === after ? [] : at([`${before} is now ${after}`]);
  }
  const [keys, now] = [before, after].map((value) => Object.keys(value).sort()); // files are sorted
  if (keys.join() !== now.join()) return at([`has ${keys}, now ${now}`]);
  return keys.flatMap((key) => valueDifferences(before[key], after[key], `${path}.${key}`));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "number");

function isNear(before: number, after: number, scale: number, unit = 0): boolean {
  if (Number.isInteger(before) && unit === 0) return before === after;
  return Math.abs(before - after) <= Math.max(relative * scale, 2 * unit);
}

function arrayDifferences(before: number[], after: number[]): string[] {
  if (before.length !== after.length) return [`${before.length} values, now ${after.length}`];
  const scale = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const whole = before.every(Number.isInteger);
  const far = before.findIndex((value, index) =>
    whole ? value !== after[index] : Math.abs(value - after[index]) > relative * scale
  );
  return far < 0 ? [] : [`value ${far} of ${before.length}: ${before[far]} is now ${after[far]}`];
}

const number = /(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?/gi;
/** A number and its unit of time; `tokens/s` too. */
const time = new RegExp(`${number.source}(?=\\s*(?:ns|µs|us|ms|s|min|h|[a-z]+/s)(?![\\w]))`, "gi");

function textDifferences(before: string, after: string): string[] {
  const [old, fresh] = [before, after].map((text) => text.replace(time, "TIME"));
  // Numbers of another width move what stands beside them.
  const words = (text: string) => text.replace(number, "N").replace(/\s+/g, " ");
  if (words(old) !== words(fresh)) {
    return [`${JSON.stringify(old)} is now ${JSON.stringify(fresh)}`];
  }
  const [olds, freshs] = [old, fresh].map((text) => text.match(number) ?? []);
  const far = olds.findIndex((text, index) => !nearText(text, freshs[index]));
  return far < 0 ? [] : [`${olds[far]} is now ${freshs[far]} in ${JSON.stringify(fresh)}`];
}

function nearText(before: string, after: string): boolean {
  const value = (text: string) => Number(text.replaceAll(",", "").replace("−", "-"));
  const unit = Math.max(lastDigit(before), lastDigit(after));
  return isNear(value(before), value(after), Math.abs(value(before)), unit);
}

/** The worth of the last printed digit; 0 of a whole number, which is exact. */
function lastDigit(text: string): number {
  const [, decimals = "", exponent] = /^[^.e]*(?:\.(\d+))?(?:e(.*))?$/i.exec(text) ?? [];
  if (decimals === "" && exponent === undefined) return 0;
  return 10 ** (Number(exponent ?? 0) - decimals.length);
}
