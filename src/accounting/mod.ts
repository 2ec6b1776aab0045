/** Closed formulas of parameters, bytes and compute, each written once. @module */

export { evaluate, evaluateRatio, formulaTex, type FormulaValues } from "./evaluate.ts";
export type { Formula } from "./formula.ts";
export { formulas } from "./formulas/mod.ts";
export { type FormulaSymbol, symbols } from "./symbols.ts";
