/** A block of a transformer with its matrices, those with an update lit. @module */

import { type Picture, pictureStyle } from "../../src/figures/pictures.ts";

interface Part {
  readonly name: string;
  readonly at: readonly [x: number, y: number];
}

const size = 62;

const matrices: readonly Part[] = [
  { name: "q", at: [110, 16] },
  { name: "k", at: [110, 99] },
  { name: "v", at: [110, 182] },
  { name: "o", at: [350, 99] },
  { name: "up", at: [444, 99] },
  { name: "down", at: [530, 99] },
];

/** Lines from the middle of the right edge of one to the left edge of the next. */
const lines: readonly string[] = [
  "M30,130H110",
  "M70,130V47H110",
  "M70,130V213H110",
  "M172,47H205V130",
  "M172,130H222",
  "M172,213H205V130",
  "M318,130H350",
  "M412,130H444",
  "M506,130H530",
  "M592,130H624",
];

/** The block as boxes from left to right, with these matrices lit. */
export function blockPicture(lit: readonly string[] = ["q", "v"]): Picture {
  const alt = "A block: the input goes to q, k and v, then attention, o, up and down. " +
    `Of these six matrices ${new Intl.ListFormat("en").format(lit)} are lit: they have an update.`;
  const boxes = matrices.map((part) => boxOf(part, lit.includes(part.name)));
  const words = [["attention", 270, 134], ["x", 20, 136], [
    "residual sums and norms are left out",
    450,
    236,
  ]]
    .map(([word, x, y]) => `<text class="note" x="${x}" y="${y}">${word}</text>`);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 262" width="640" height="262">
<style>${pictureStyle}
svg text { font: 18px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink); text-anchor: middle }
svg .note { fill: var(--soft) } svg .wire { fill: none; stroke: var(--soft) }
svg .card { fill: var(--paper); stroke: var(--line) }</style>
<rect class="card" x="0.5" y="0.5" width="639" height="261" rx="8"/>
${lines.map((d) => `<path class="wire" d="${d}"/>`).join("")}
<rect class="outline base" x="222" y="99" width="96" height="${size}" rx="16"/>
${[...boxes, ...words].join("\n")}
</svg>
`;
  return { svg, alt, caption: "" };
}

const boxOf = ({ name, at: [x, y] }: Part, isLit: boolean): string =>
  `<rect class="box ${
    isLit ? "lora" : "base"
  }" x="${x}" y="${y}" width="${size}" height="${size}" rx="4"` +
  `${isLit ? ' stroke-width="3"' : ""}/><text x="${x + size / 2}" y="${
    y + size / 2 + 6
  }">${name}</text>`;
