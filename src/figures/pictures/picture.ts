/** Pictures of matrices: drawings that need no library and have ink for light and for dark pages. @module */

import type { MimeBundle } from "../bundle.ts";
import { escapeHtml } from "../html.ts";
import { pictureSource } from "../picture.ts";
import { pictureStyle } from "./roles.ts";

/** A drawing with words. */
export interface Picture {
  /** The drawing, self-contained. */
  readonly svg: string;
  /** What it shows, for readers who do not see it. */
  readonly alt: string;
  /** What is below it. */
  readonly caption: string;
}

/** The words of a picture. */
export type PictureWords = Pick<Picture, "alt" | "caption">;

const text = `svg text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  fill: var(--ink); text-anchor: middle }
svg .symbol { font: italic 24px Georgia, "Times New Roman", serif }
svg .sign { font: 24px Georgia, "Times New Roman", serif }
svg .note { fill: var(--soft) } svg .strong { font-weight: 600 } svg .start { text-anchor: start }
svg .card { fill: var(--paper); stroke: var(--line) }`;

/** A drawing of this size on a card of its own paper. */
export function pictureOf(
  { alt, caption }: PictureWords,
  width: number,
  height: number,
  content: string,
): Picture {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" \
width="${width}" height="${height}" role="img" aria-label="${escapeHtml(alt)}">
<style>
${pictureStyle}
${text}
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${content}
</svg>
`;
  return { svg, alt, caption };
}

/** A picture as `text/html`, an image element, which untrusted notebooks show too, and in two other types. */
export function pictureBundle({ svg, alt, caption }: Picture): MimeBundle {
  const words = escapeHtml(caption);
  return {
    "text/html": `<div style="margin:0.3em 0"><img data-drawing alt="${
      escapeHtml(alt)
    }" style="max-width:100%" src="${
      pictureSource(svg)
    }"><div style="font-size:13px;opacity:0.8">${words}</div></div>`,
    "image/svg+xml": svg,
    "text/plain": [`[picture] ${alt}`, caption].filter((line) => line !== "").join("\n"),
  };
}
