/** The README's picture: the bytes of a training step of GPT-3 175B, by what they hold. @module */

import { gpt3Memory } from "../../experiments/memory.ts";
import type { LedgerReading } from "../../src/device/ledger.ts";
import { roleColors } from "../../src/figures/figure.ts";
import { formatBytes } from "../../src/figures/format.ts";
import { pictureStyle } from "../../src/figures/pictures.ts";

/** Words for the roles of the ledger that are seen in the picture, in the order of a bar. */
const words = {
  weight: "weights",
  gradient: "gradients",
  optimizer: "optimizer (AdamW)",
  activation: "activations",
} as const;

const width = 860, left = 24, length = 700, height = 46;

/** A bar from above, with its name and its total. */
function barOf(name: string, { peak, peakByRole }: LedgerReading, most: number, y: number): string {
  let x = left;
  const parts = Object.keys(words).map((role) => {
    const size = length * peakByRole[role as keyof typeof words] / most;
    const part =
      `<rect x="${x.toFixed(1)}" y="${y}" width="${size.toFixed(1)}" height="${height}"` +
      ` fill="${roleColors[role]}"/>`;
    x += size;
    return part;
  });
  return [
    `<text class="strong" x="${left}" y="${y - 10}">${name}</text>`,
    ...parts,
    `<text class="strong" x="${(x + 10).toFixed(1)}" y="${y + 29}">${formatBytes(peak)}</text>`,
  ].join("\n");
}

/** A square and a word for each role. */
function keyOf(y: number): string {
  return Object.entries(words).map(([role, word], i) => {
    const x = left + 190 * i;
    return `<rect x="${x}" y="${y - 12}" width="14" height="14" fill="${roleColors[role]}"/>` +
      `<text x="${x + 22}" y="${y}">${word}</text>`;
  }).join("\n");
}

/** The bars of full fine-tuning and of LoRA on one scale, counted by the dry device. */
export function memoryPicture(): string {
  const full = gpt3Memory(0), lora = gpt3Memory(4);
  const ratio = (full.peak / lora.peak).toFixed(2), total = 276;
  const alt = `Memory to train GPT-3 175B: ${formatBytes(full.peak)} with full fine-tuning, ` +
    `${formatBytes(lora.peak)} with LoRA, ${ratio} times less.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" role="img" aria-label="${alt}">
<style>
${pictureStyle}
svg text { font: 15px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink) }
svg .strong { font-weight: 600 } svg .card { fill: var(--paper); stroke: var(--line) }
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${total - 1}" rx="8"/>
${barOf("Full fine-tuning of GPT-3 175B: every weight is trained", full, full.peak, 46)}
${barOf(`LoRA, r = 4 on q and v: ${ratio} times less memory`, lora, full.peak, 148)}
${keyOf(246)}
</svg>
`;
}
