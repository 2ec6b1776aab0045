/** A formula as data. @module */

import { type FormulaSymbol, symbols } from "./symbols.ts";

/** A formula: a mathjs expression with everything needed to read it. */
export interface Formula {
  /** What the result is, as a noun. */
  readonly meaning: string;
  /** The expression, in the letters of `symbols`. */
  readonly expression: string;
  /** The letters that it uses. */
  readonly symbols: Readonly<Record<string, FormulaSymbol>>;
  /** Unit of the result: `parameters`, `bytes`, `FLOP`, `ratio`, `percent`, `values` or `ms`. */
  readonly unit: string;
  /** Where it comes from: the paper's section, table or equation, or another work. */
  readonly source: string;
}

/** Makes a formula, looking up its letters in the notation. */
export function formula(
  meaning: string,
  expression: string,
  unit: string,
  source: string,
): Formula {
  const names = new Set(expression.match(/[A-Za-z]\w*(?!\w|\()/g));
  const used = [...names].map((name) => [name, symbols[name]]);
  return { meaning, expression, symbols: Object.fromEntries(used), unit, source };
}
