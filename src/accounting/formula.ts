/** A formula as data. @module */

import type { MathNode, OperatorNode, ParenthesisNode, SymbolNode } from "npm:mathjs@15.2.0";

/** A letter of the formulas. */
export interface FormulaSymbol {
  /** Meaning in words. */
  readonly meaning: string;
  /** Unit: `parameters`, `bytes`, `tokens` or another. */
  readonly unit: string;
  /** Its letter in TeX. */
  readonly tex: string;
}

const symbol = (tex: string, meaning: string, unit: string): FormulaSymbol => ({
  tex,
  meaning,
  unit,
});

/** Every letter by its name in expressions. */
export const symbols: Readonly<Record<string, FormulaSymbol>> = {
  d: symbol("d", "width of the model", "values"),
  d_in: symbol("d_{\\mathrm{in}}", "inputs of a weight matrix", "values"),
  d_out: symbol("d_{\\mathrm{out}}", "outputs of a weight matrix", "values"),
  L: symbol("L", "blocks of the model", "blocks"),
  L_top: symbol("L_{\\mathrm{top}}", "blocks at the top that are trained", "blocks"),
  L_drop: symbol("L_{\\mathrm{drop}}", "blocks at the bottom without adapters", "blocks"),
  n_voc: symbol("n_{\\mathrm{voc}}", "tokens in the vocabulary", "tokens"),
  n_pos: symbol("n_{\\mathrm{pos}}", "positions of the longest sequence", "tokens"),
  n_lab: symbol("n_{\\mathrm{lab}}", "tokens of a batch that have a label", "tokens"),
  n_blk: symbol("n_{\\mathrm{blk}}", "blocks of rows", "blocks"),
  n_row: symbol("n_{\\mathrm{row}}", "rows of a block", "tokens"),
  n_W: symbol("n_{W}", "adapted weight matrices in the whole model", "matrices"),
  r: symbol("r", "rank of an update, or width of an adapter's bottleneck", "values"),
  n_g: symbol("n_{\\mathrm{g}}", "gradients that exist at the same time", "gradients"),
  d_ff: symbol("d_{\\mathrm{ff}}", "width of the feed-forward layer", "values"),
  l_p: symbol("l_{\\mathrm{p}}", "special tokens before the prompt", "tokens"),
  l_i: symbol("l_{\\mathrm{i}}", "special tokens after the prompt", "tokens"),
  d_kv: symbol("d_{\\mathrm{kv}}", "width of keys, and of values", "values"),
  a: symbol("a", "attention heads per block", "heads"),
  P: symbol("P", "parameters", "parameters"),
  P_f: symbol("P_{\\mathrm{f}}", "frozen parameters", "parameters"),
  P_t: symbol("P_{\\mathrm{t}}", "trained parameters", "parameters"),
  P_q: symbol("P_{\\mathrm{q}}", "parameters of one quantized matrix", "parameters"),
  P_a: symbol("P_{\\mathrm{a}}", "trained parameters with their padding", "parameters"),
  beta: symbol("\\beta", "bytes per value", "bytes"),
  C: symbol("C", "checkpoint of one task", "bytes"),
  W: symbol("W", "checkpoint of the whole model", "bytes"),
  n_task: symbol("n_{\\mathrm{task}}", "tasks", "tasks"),
  B_q: symbol("B_{\\mathrm{q}}", "values that share one scale", "values"),
  B_s: symbol("B_{\\mathrm{s}}", "scales that share one scale of their own", "values"),
  b: symbol("b", "sequences in a batch", "sequences"),
  s: symbol("s", "tokens per sequence", "tokens"),
  t_0: symbol("t_{0}", "time of the model without the addition", "ms"),
  t: symbol("t", "time of the model with the addition", "ms"),
  t_step: symbol(
    "t_{\\mathrm{step}}",
    "waiting time that one more layer adds, however small it is",
    "ms",
  ),
  n_step: symbol("n_{\\mathrm{step}}", "layers added in sequence", "layers"),
  F: symbol("F", "operations of the added layers for one token", "FLOP"),
  N_W: symbol("\\lVert W\\rVert", "Frobenius norm of a weight", "values"),
  N_D: symbol("\\lVert\\Delta W\\rVert", "Frobenius norm of its update", "values"),
  N_UV: symbol(
    "\\lVert U^{\\top}WV^{\\top}\\rVert",
    "Frobenius norm of the weight in r directions",
    "values",
  ),
  v: symbol("v", "operations of the device per millisecond", "FLOP/ms"),
};

/** A formula: a mathjs expression with everything needed to read it. */
export interface Formula {
  /** The result, as a noun. */
  readonly meaning: string;
  /** The expression, in the letters of `symbols`. */
  readonly expression: string;
  /** The letters that it uses. */
  readonly symbols: Readonly<Record<string, FormulaSymbol>>;
  /** Unit of the result: `parameters`, `bytes`, `FLOP`, `ratio`, `percent`, `values` or `ms`. */
  readonly unit: string;
  /** Origin: the paper's section, table or equation, or another work. */
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

type Handler = (node: MathNode, options: object) => string | undefined;

/**
 * A handler for mathjs's `toTex`: letters as in the notation, products without dots, and fractions
 * without the parentheses that the bar replaces. It needs `parenthesis: "keep"`: "auto" drops
 * parentheses that change the value.
 */
export function texHandler(symbols: Readonly<Record<string, FormulaSymbol>>): Handler {
  return (node, options) => {
    if (node.type === "SymbolNode") return symbols[(node as SymbolNode).name]?.tex;
    if (node.type === "ParenthesisNode") {
      return `(${(node as ParenthesisNode).content.toTex(options)})`;
    }
    return node.type === "OperatorNode" ? operator(node as OperatorNode, options) : undefined;
  };
}

function operator({ op, args: [left, right] }: OperatorNode, options: object): string | undefined {
  if (op === "/") return `\\frac{${bare(left).toTex(options)}}{${bare(right).toTex(options)}}`;
  if (op !== "*") return undefined;
  const sign = right.type === "ConstantNode" ? "\\cdot " : "\\,";
  return left.toTex(options) + sign + right.toTex(options);
}

/** A node without the parentheses around it. */
function bare(node: MathNode): MathNode {
  return node.type === "ParenthesisNode" ? (node as ParenthesisNode).content : node;
}
