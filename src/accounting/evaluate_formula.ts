/** Exact values of formulas, and formulas as TeX. @module */

import { all, type BigNumber, create, type EvalFunction, type MathNode } from "npm:mathjs@15.2.0";
import { type Formula, texHandler } from "./formula.ts";
import { formulas } from "./formulas.ts";

/** Values of a formula's letters. */
export type FormulaValues = Readonly<Record<string, number | bigint>>;

/** Enough digits for any product here; quotients that terminate within 64 digits are exact. */
const math = create(all, { number: "BigNumber", precision: 64 });

const compiled = new Map<string, EvalFunction>();

/**
 * The exact value of a formula that counts whole units, such as parameters or bytes.
 *
 * @param values A number for each of the formula's letters, in their units.
 * @throws {RangeError} when there is no such formula, a letter is missing, unknown or not a finite
 * number of at least 0, or the result is not whole.
 *
 * @example
 * ```ts
 * import { evaluateFormula } from "@lowrank/core/accounting";
 *
 * // q and v of GPT-3's 96 blocks at rank 4.
 * console.log(evaluateFormula("loraParameters", { n_W: 192, d: 12288, r: 4 })); // 18874368n
 * ```
 */
export function evaluateFormula(name: string, values: FormulaValues): bigint {
  const result = evaluateExact(name, values);
  if (result.isInteger()) return BigInt(result.toFixed());
  throw new RangeError(`${name} must be whole, found ${result.toPrecision(17)}`);
}

/**
 * The value of a formula as a decimal of up to 64 digits: exact if it terminates within them.
 *
 * @throws {RangeError} As {@link evaluateFormulaRatio}.
 *
 * @example
 * ```ts
 * import { evaluateFormulaDecimal } from "@lowrank/core/accounting";
 *
 * // Table 1 of the paper prints +5.0%.
 * console.log(evaluateFormulaDecimal("slowdownPercent", { t_0: 338, t: 354.8 }).slice(0, 6)); // 4.9704
 * ```
 */
export function evaluateFormulaDecimal(name: string, values: FormulaValues): string {
  return evaluateExact(name, values).toFixed();
}

/**
 * The value of a formula as a number, for ratios and times.
 *
 * @throws {RangeError} As {@link evaluateFormula}, except that the result may be any finite number.
 *
 * @example
 * ```ts
 * import { evaluateFormulaRatio } from "@lowrank/core/accounting";
 *
 * console.log(evaluateFormulaRatio("breakEvenRank", { d_in: 12288, d_out: 12288 })); // 6144
 * ```
 */
export function evaluateFormulaRatio(name: string, values: FormulaValues): number {
  return evaluateExact(name, values).toNumber();
}

/**
 * A formula in TeX.
 *
 * @param formula The name of one of the toolkit's formulas, or any formula.
 * @throws {RangeError} when there is no such formula.
 *
 * @example
 * ```ts
 * import { formulaTex } from "@lowrank/core/accounting";
 *
 * console.log(formulaTex("reductionFactor"));
 * // \frac{d_{\mathrm{in}}\,d_{\mathrm{out}}}{r\,(d_{\mathrm{in}}+d_{\mathrm{out}})}
 * ```
 */
export function formulaTex(formula: string | Formula): string {
  const { expression, symbols } = typeof formula === "string" ? formulaNamed(formula) : formula;
  const node: MathNode = math.parse(expression);
  return node.toTex({ parenthesis: "keep", handler: texHandler(symbols) });
}

function evaluateExact(name: string, values: FormulaValues): BigNumber {
  const { symbols } = formulaNamed(name);
  // Mathjs would take a letter without a value for a unit or a constant.
  for (const letter of Object.keys(symbols)) assertValue(name, letter, values[letter]);
  for (const letter of Object.keys(values)) {
    if (!Object.hasOwn(symbols, letter)) {
      throw new RangeError(`${name} has the letters ${Object.keys(symbols)}, found ${letter}`);
    }
  }
  const scope = Object.fromEntries(
    Object.entries(values).map(([letter, value]) => [letter, math.bignumber(String(value))]),
  );
  const result: BigNumber = compile(name).evaluate(scope);
  if (result.isFinite()) return result;
  throw new RangeError(`${name} must be finite, found ${result}`);
}

function formulaNamed(name: string): Formula {
  if (Object.hasOwn(formulas, name)) return formulas[name];
  throw new RangeError(
    `a formula must be one of ${Object.keys(formulas).join(", ")}; found ${name}`,
  );
}

function assertValue(name: string, letter: string, value: number | bigint | undefined): void {
  if (value !== undefined && value >= 0 && value < Infinity) return;
  const found = value === undefined ? "nothing" : value;
  throw new RangeError(`${name} needs ${letter} to be a number of at least 0, found ${found}`);
}

function compile(name: string): EvalFunction {
  const known = compiled.get(name) ?? math.compile(formulas[name].expression);
  compiled.set(name, known);
  return known;
}
