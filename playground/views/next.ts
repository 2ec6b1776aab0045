/** The most likely next tokens as bars: of the base, and of the student, which move while it learns. @module */

import { element } from "../dom.ts";
import { escaped } from "../draw/escaped.ts";
import type { NextToken } from "../tiny/next.ts";

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;

/** Draws two bars for each token. */
export function showNext(prompt: string, tokens: readonly NextToken[]): void {
  element("tiny-next").innerHTML = tokens.map(rowOf).join("");
  const words = (["base", "student"] as const).map((who) => {
    const { text, [who]: share } = tokens.reduce((most, one) => one[who] > most[who] ? one : most);
    return `“${text}” with ${percent(share)}`;
  });
  const label = `The answer to “${prompt}” begins: the base's most likely token is ${
    words[0]
  }, that of LoRA ${words[1]}`;
  element("tiny-next").setAttribute("aria-label", label);
}

function rowOf({ text, base, student }: NextToken): string {
  const bars = Object.entries({ base, lora: student }).map(([role, share]) =>
    `<span class="${role}"><i style="width:${(100 * share).toFixed(1)}%"></i>${
      percent(share)
    }</span>`
  );
  return `<div><code>${escaped(text.replaceAll("\n", "⏎"))}</code>${bars.join("")}</div>`;
}
