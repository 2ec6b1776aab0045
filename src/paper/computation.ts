/** The computation of a printed cell's exact value. @module */

import { evaluateFormulaDecimal, type FormulaValues } from "../accounting/mod.ts";
import { architectureOf, catalog, countParameters, type TensorSpec } from "../architectures/mod.ts";
import { parseDecimal, type Rational } from "./rational.ts";

/** How a cell's exact value is computed. */
export interface Computation extends Remarks {
  /** Name of the formula in `@lowrank/core/accounting`, if it is one. */
  readonly formula?: string;
  /** The inputs: `L = 24, d = 1,024, r = 6`. */
  readonly settings: string;
  /** The value. */
  readonly value: () => Rational;
}

/** Remarks on a cell. */
export interface Remarks {
  /** Settings that the paper does not state, inferred from what it prints. */
  readonly inferred?: string;
  /** Why the printed value differs, or what else it could be. */
  readonly reason?: string;
}

/** Computations by the cell's name. */
export type Computations = Readonly<Record<string, Computation>>;

/** A cell computed by one of the formulas. */
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

/** A cell computed by counting some tensors of a model. */
export function byTensors(
  model: string,
  settings: string,
  isCounted: (tensor: TensorSpec) => boolean,
  remarks: Remarks = {},
): Computation {
  const value = () => {
    const tensors = architectureOf(catalog[model].config).tensors.filter(isCounted);
    return { numerator: BigInt(countParameters(tensors)), denominator: 1n };
  };
  return { settings, value, ...remarks };
}

/** Adds the column's name to each row's computation. */
export function inColumn(column: string, rows: Computations): Computations {
  return Object.fromEntries(
    Object.entries(rows).map(([row, computation]) => [`${row}: ${column}`, computation]),
  );
}

/** The column of most parameter counts. */
export const trained = "trained parameters";
