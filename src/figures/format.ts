/** Numbers as text for readers, and an estimate of the width of a text. @module */

import type { Unit } from "./figure.ts";

const counts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

const sixDigits = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });

/** A value in its unit: with separators and decimal byte units; a dash if it is missing. */
export function formatValue(value: string | number | undefined, unit: Unit): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : formatters[unit](value);
}

/** True if values of this unit are words, which are left-aligned. */
export function isText(unit: Unit): boolean {
  return unit === "text" || unit === "verdict" || unit === "math";
}

const formatters: Readonly<Record<Unit, (value: number) => string>> = {
  text: String,
  verdict: String,
  math: String,
  data: String,
  number: (value) => (Number.isInteger(value) ? counts : sixDigits).format(value),
  count: (value) => counts.format(value),
  bytes: formatBytes,
  ratio: (value) => `${value >= 100 ? counts.format(value) : value.toPrecision(3)}×`,
  nats: (value) => value.toFixed(3),
  share: (value) =>
    value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : threeDigits(value),
  time: threeDigits,
  percent: (value) => `${threeDigits(value)}%`,
};

/** Three digits, or all of a number with more before the point. */
function threeDigits(value: number): string {
  return Math.abs(value) >= 999.5 ? counts.format(value) : value.toPrecision(3);
}

/**
 * Bytes with a decimal unit and three digits.
 *
 * @example
 * ```ts
 * import { formatBytes } from "@lowrank/core/figures";
 *
 * console.log(formatBytes(36864), formatBytes(2.42e9)); // 36.9 kB 2.42 GB
 * ```
 */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const size = Math.abs(bytes);
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  const value = bytes / 1000 ** power;
  if (power === 0) return `${value} B`;
  return `${Math.abs(value) >= 1000 ? counts.format(value) : value.toPrecision(3)} ${units[power]}`;
}

/** Widths as shares of the font's size, slightly more than Helvetica's, so that wider fonts fit too. */
const widths: readonly (readonly [pattern: RegExp, width: number])[] = [
  [/[ijl.,:;'|!\[\]()ftI /]/, 0.33],
  [/[mwMW%@—]/, 0.95],
  [/[A-Z]/, 0.74],
];

/** Width of a line in pixels, in a font of this size. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) {
    width += widths.find(([pattern]) => pattern.test(character))?.[1] ?? 0.6;
  }
  return width * size;
}

/** Breaks a text at spaces into lines of at most this width. */
export function wrapText(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
