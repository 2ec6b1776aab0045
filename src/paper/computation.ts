/** What arithmetic says about a printed cell. @module */

import { evaluateFormulaDecimal, type FormulaValues } from "../accounting/mod.ts";
import {
  architectureOf,
  catalogue,
  countParameters,
  type TensorSpec,
} from "../architectures/mod.ts";
import { parseDecimal, type Rational } from "./rational.ts";

/** How a cell's exact value is found. */
export interface Computation extends Remarks {
  /** Name of the formula of `@lowrank/core/accounting`, where it is one. */
  readonly formula?: string;
  /** What goes in: `L = 24, d = 1,024, r = 6`. */
  readonly settings: string;
  /** The value. */
  readonly value: () => Rational;
}

/** What is to be said of a cell. */
export interface Remarks {
  /** Settings that the paper does not state and that were found from what it prints. */
  readonly inferred?: string;
  /** Why it differs, or what else it could be. */
  readonly reason?: string;
}

/** Computations by the cell's name. */
export type Computations = Readonly<Record<string, Computation>>;

/** A cell by one of the formulas. */
export function byFormula(
  formula: string,
  values: FormulaValues,
  remarks: Remarks = {},
): Computation {
  const settings = Object.entries(values)
    .map(([letter, value]) => `${letter} = ${value.toLocaleString("en-US")}`).join(", ");
  return {
    formula,
    settings,
    value: () => parseDecimal(evaluateFormulaDecimal(formula, values)),
    ...remarks,
  };
}

/** A cell by counting those tensors of a model that the paper means. */
export function byTensors(
  model: string,
  settings: string,
  isCounted: (tensor: TensorSpec) => boolean,
  remarks: Remarks = {},
): Computation {
  const value = () => {
    const tensors = architectureOf(catalogue[model].config).tensors.filter(isCounted);
    return { numerator: BigInt(countParameters(tensors)), denominator: 1n };
  };
  return { settings, value, ...remarks };
}

/** Names the column of a row's computation. */
export function inColumn(column: string, rows: Computations): Computations {
  return Object.fromEntries(
    Object.entries(rows).map(([row, computation]) => [`${row}: ${column}`, computation]),
  );
}

/** The column of most counts. */
export const trained = "trained parameters";
