/** How formulas look in TeX. @module */

import type { MathNode, OperatorNode, ParenthesisNode, SymbolNode } from "npm:mathjs@15.2.0";
import type { FormulaSymbol } from "./symbols.ts";

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
