/** Small matrices as MathML, which screen readers read too. @module */

import type { DenseMatrix } from "../../src/linalg/mod.ts";

/** `name = (values)`, with two decimals. */
export function matrixMath(name: string, { rows, columns, data }: DenseMatrix): string {
  const cells = Array.from(data, (value) => `<mtd><mn>${fixed(value)}</mn></mtd>`);
  const lines = Array.from({ length: rows }, (_, i) => {
    return `<mtr>${cells.slice(i * columns, (i + 1) * columns).join("")}</mtr>`;
  });
  const table = `<mo>(</mo><mtable>${lines.join("")}</mtable><mo>)</mo>`;
  return `<math><mrow><mtext>${name}</mtext><mo>=</mo><mrow>${table}</mrow></mrow></math>`;
}

/** With a minus sign as wide as a plus, and none before a zero. */
const fixed = (value: number): string =>
  value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−");
