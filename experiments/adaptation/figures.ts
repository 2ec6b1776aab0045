/** Losses of full fine-tuning and LoRA, as functions of the rows. @module */

import { mean } from "../../src/core/numbers.ts";
import { axis, baseLayout, dots, line, logAxis, lossCurves } from "../../src/figures/mod.ts";
import { type Figure, palette } from "../../src/figures/mod.ts";
import type { MethodRow } from "../../src/inspect/mod.ts";

/** The color of a method: full in one, LoRA's ranks in shades of another. */
const colorOf = (place: number) =>
  place === 0 ? palette.full : palette.lora[(place - 1) % palette.lora.length];

/** Training loss over steps, one line a method, of the first seed; curves are smoothed where they are long. */
export function lossFigure(rows: readonly MethodRow[], secondPass: number, device: string): Figure {
  const { length: steps } = rows[0].first.curve, reach = steps < 50 ? 0 : 5;
  const curves = rows.map(({ label: name, first: { curve } }, place) => {
    const near = (step: number) => curve.slice(Math.max(0, step - reach), step + reach + 1);
    return { name, losses: curve.map((_, step) => mean(near(step))), color: colorOf(place) };
  });
  const smoothed = reach > 0 ? `Mean over ${2 * reach + 1} steps around each; ` : "";
  const again = steps >= secondPass
    ? ` A second pass over the training pairs begins at step ${secondPass}: what falls from there on ` +
      "is also memory of the pairs."
    : "";
  const caption = `${smoothed}seed {seed}; ${device}.${again}`;
  return lossCurves(curves, { id: "adaptation-loss", caption, steps });
}

/** Held-out loss over trained parameters, one mark a seed, with the base's own loss as a line. */
export function qualityFigure(rows: readonly MethodRow[], baseLoss: number): Figure {
  const all = rows.flatMap(({ runs }) => runs.map(({ trained }) => trained));
  const dash = { color: palette.base, dash: "dash" } as const, name = "base, not adapted";
  return {
    id: "adaptation-quality",
    title: "Held-out loss against trained parameters",
    caption: "One mark for each seed ({seeds}); the dashed line is the base before adaptation.",
    data: [
      ...rows.map(({ label: name, runs }, place) => {
        const marker = { color: colorOf(place), size: 12 };
        return dots(runs, ({ trained }) => trained, ({ loss }) => loss, marker, { name });
      }),
      line([Math.min(...all), Math.max(...all)], (x) => x, () => baseLoss, dash, { name }),
    ],
    layout: baseLayout(logAxis("trained parameters"), axis("held-out loss (nats per token)")),
  };
}
