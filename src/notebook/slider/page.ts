/** A slider's HTML: native range inputs over a picture. @module */

import { escapeHtml } from "../../figures/html.ts";
import type { Track } from "./controls.ts";
import script from "./page_script.js" with { type: "text" };

const asleep = "To use this slider, start the kernel and run this cell.";

/** The controls, the first output, a status line, and the script that makes them live. */
export function sliderHtml(
  tracks: readonly Track[],
  picture: readonly string[],
  address: string,
): string {
  return `<div data-slider="${escapeHtml(address)}">
${tracks.map(trackHtml).join("\n")}
<div data-picture style="margin: 0.5em 0">${
    picture.map((part) => `<div>${part}</div>`).join("\n")
  }</div>
<div role="status" style="opacity: 0.75">${asleep}</div>
<script>${script.replaceAll("</script", "<\\/script")}</script></div>`;
}

function trackHtml({ label, texts, start }: Track): string {
  const row = "display: flex; align-items: center; gap: 0.8em; max-width: 44em";
  const range = `type="range" min="0" max="${texts.length - 1}" step="1" value="${start}"`;
  return `<label style="${row}"><span style="min-width: 8em">${escapeHtml(label)}</span>` +
    `<input ${range} aria-valuetext="${escapeHtml(texts[start])}" ` +
    `data-texts="${escapeHtml(JSON.stringify(texts))}" style="flex: 1; min-width: 8em">` +
    `<span style="min-width: 8em">${escapeHtml(texts[start])}</span></label>`;
}
