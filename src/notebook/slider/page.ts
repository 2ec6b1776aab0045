/** A slider's HTML: controls over a picture. @module */

import { escapeHtml } from "../../figures/html.ts";
import stepper from "../../figures/stepper_script.js" with { type: "text" };
import { stepperHtml } from "../../figures/stepper.ts";
import type { Track } from "./controls.ts";
import script from "./page_script.js" with { type: "text" };

const asleep = "To use this slider, start the kernel and run this cell.";

const code = `{ const stepper = ${stepper}${script} }`.replaceAll("</script", "<\\/script");

/** The least width of a column, in pixels. */
export const columnWidth = 400;

/** Several parts stand side by side where there is room, so that they are seen together with the controls. */
const picture =
  `display:grid;grid-template-columns:repeat(auto-fit,minmax(min(${columnWidth}px,100%),1fr));` +
  "gap:0.5em;align-items:start;margin:0.5em 0";

/** The controls, a line beside them, the first output, and the script that makes them live. */
export function sliderHtml(
  tracks: readonly Track[],
  parts: readonly string[],
  address: string,
): string {
  return `<div data-slider="${escapeHtml(address)}">
${tracks.map(stepperHtml).join("\n")}
<div role="status" style="opacity: 0.75; font-style: italic">${asleep}</div>
<div data-picture style="${picture}">${
    parts.map((part) => `<div style="min-width:0">${part}</div>`).join("\n")
  }</div>
<script>${code}</script></div>`;
}
