/** Assertion cells. @module */

import { escapeHtml } from "../figures/html.ts";
import { palette } from "../figures/palette.ts";
import { display, flush, inNotebook, printText } from "./kernel.ts";

/**
 * Asserts a claim: shows a line if it holds; otherwise throws, so that the cell turns red and "Run All"
 * stops there.
 *
 * @param claim The claim, as a sentence.
 * @param holds Whether it holds. A promise is refused, as it would always count as true.
 * @param found The numbers found.
 * @throws {Error} when it does not hold; the message has the claim and the numbers.
 * @throws {TypeError} when `holds` is not a boolean.
 *
 * @example
 * ```ts
 * import { check } from "@lowrank/core/notebook";
 *
 * await check("the ratio is above 9,000", 9251 > 9000, "9,251 times");
 * ```
 */
export async function check(claim: string, holds: boolean, found?: string): Promise<void> {
  if (typeof holds !== "boolean") {
    throw new TypeError(`check needs true or false for "${claim}", found ${Deno.inspect(holds)}`);
  }
  if (!holds) {
    throw new Error(`check failed: ${claim}${found === undefined ? "" : `; found ${found}`}`);
  }
  const text = `✓ ${claim}${found === undefined ? "" : `: ${found}`}`;
  if (!inNotebook()) return printText(text);
  await display({ "text/html": lineHtml(claim, found), "text/plain": text });
  await flush();
}

function lineHtml(claim: string, found?: string): string {
  const border = `border-left: 4px solid ${palette.merged}; padding: 0.1em 0 0.1em 0.7em`;
  const rest = found === undefined
    ? ""
    : ` <span style="opacity: 0.75">${escapeHtml(found)}</span>`;
  return `<div style="${border}"><span style="color: ${palette.merged}">✓</span> ` +
    `<strong style="font-weight: 600">${escapeHtml(claim)}</strong>${rest}</div>`;
}
