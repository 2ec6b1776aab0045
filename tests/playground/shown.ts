/** Checks of the numbers that the page shows. */

import { assertEquals } from "@std/assert";
import type { Page } from "../../scripts/support/browser.ts";

/** Fails unless a text is a value, rounded to the digits of the text. */
export function assertShown(text: string, value: number, what: string): void {
  const [mantissa, exponent] = text.split("e"), decimals = mantissa.split(".")[1]?.length ?? 0;
  const rounded = exponent === undefined ? value.toFixed(decimals) : value.toExponential(decimals);
  assertEquals(text, rounded, what);
}

/** The texts of the numbers in a list of terms, by the terms. */
export async function shownTerms(page: Page, id: string): Promise<Record<string, string>> {
  return await page.evaluate(`Object.fromEntries([...document.querySelectorAll("#${id} > div")]
    .map(({ children: [term, value] }) => [term.textContent, value.textContent]))`);
}

/** The numbers in what a picture says of itself, in their order. */
export async function saidNumbers(page: Page, id: string): Promise<string[]> {
  const label = await page.evaluate<string>(`document.getElementById("${id}").ariaLabel`);
  return label.match(/(?<![\w.])\d+(\.\d+)?(e[-+]\d+)?/g) ?? [];
}

/** Fails unless a picture says these values, each rounded as it says them. */
export async function assertSaid(page: Page, id: string, values: readonly number[]): Promise<void> {
  const found = await saidNumbers(page, id);
  assertEquals(found.length, values.length, `${id}: ${found}`);
  found.forEach((text, i) => assertShown(text, values[i], `number ${i} of ${id}`));
}
