/** How an adapter's spectrum comes about, from readings taken while it trained. @module */

import type { Figure } from "../src/figures/figure.ts";
import { axis, baseLayout, logAxis } from "../src/figures/layout.ts";
import { line } from "../src/figures/marks.ts";
import { palette } from "../src/figures/palette.ts";
import type { Axis } from "../src/figures/plotly_types.ts";
import { adaptationRun, loraMethod } from "./adaptation/methods.ts";
import { type Experiment, experiment, LeftOut } from "./frame/experiment.ts";
import { planGloss } from "./gloss_runs.ts";
import type { SiteReading, SpectrumReading } from "./live_spectra.ts";

/** The largest rank of the adaptation experiment, whose run it shares. */
const rank = 16, method = loraMethod(rank);

const mode = "lines+markers", stepsOf = ({ steps }: SpectrumReading) => steps;

/** `q, layer 1` of `transformer.h.0.attn.c_attn:q`. */
function shortName({ name }: SiteReading): string {
  const [, layer, part] = /^transformer\.h\.(\d+)\.(?:attn\.c_attn:)?(.+)$/.exec(name)!;
  return `${part}, layer ${Number(layer) + 1}`;
}

/** Every singular value of one site over the steps, from at least one reading. */
export function trainingSpectrum(readings: readonly SpectrumReading[], site: number): Figure {
  const [{ steps, sites }] = readings, { singularValues } = sites[site];
  return {
    id: "spectra-values",
    title: `Singular values of ΔW while it trains: ${shortName(sites[site])}`,
    caption:
      `All ${singularValues.length}, the largest on top, dark; read every ${steps} steps while the training went on.`,
    data: singularValues.map((_, place) => {
      const color = palette.lora[place === 0 ? 2 : place < 4 ? 1 : 0];
      const more = { mode, name: `σ ${place + 1}`, showlegend: false } as const;
      const value = ({ sites }: SpectrumReading) => sites[site].singularValues[place];
      return line(readings, stepsOf, value, { color, width: 1.5 }, more);
    }),
    layout: baseLayout(axis("step"), logAxis("singular value")),
  };
}

/** A number of every site, a line each. */
function sitesFigure(
  words: Pick<Figure, "id" | "title" | "caption">,
  y: Axis,
  value: (reading: SiteReading) => number | undefined,
) {
  const { length } = palette.series;
  return (readings: readonly SpectrumReading[]): Figure => ({
    ...words,
    data: readings[0].sites.map((reading, site) =>
      line(readings, stepsOf, ({ sites }) => value(sites[site]), {
        color: palette.series[site % length],
        width: 1.5,
      }, {
        mode,
        name: shortName(reading),
        marker: { symbol: site < length ? "circle" : "diamond", size: 6 },
      })
    ),
    layout: baseLayout(axis("step"), y),
  });
}

/** An adapter's spectrum over the steps of its training. */
export const trainingSpectra: Experiment = experiment({
  name: "training-spectra",
  title: "How an adapter's spectrum comes about",
  question: "When do an adapter's directions appear, and when do they come to rest?",
  source: "no figure of the paper; its section 7.2 looks at the end of training",
  settings: `LoRA of rank ${rank} on every linear layer, the run of the comparison with full ` +
    "fine-tuning; every 20 steps all adapters are read while the steps go on. Nothing is judged.",
  runs: (
    { seeds: [seed], quick },
  ) => [planGloss(adaptationRun(method, "noun", seed, quick), method.label)],
  rows([{ metrics }]) {
    const readings = (metrics.spectra ?? []) as unknown as readonly SpectrumReading[];
    return readings.length > 0
      ? readings
      : new LeftOut("the run has no reading; they are 20 steps apart");
  },
  figures: [
    (readings) => {
      const query = readings[0].sites.findIndex(({ name }) => name.endsWith(":q"));
      const figure = trainingSpectrum(readings, query);
      return { ...figure, caption: `${figure.caption} Seed {seed}.` };
    },
    sitesFigure(
      {
        id: "spectra-stable-rank",
        title: "Stable rank of every adapter while it trains",
        caption: "‖ΔW‖² / σ₁², from 1 to the rank. Seed {seed}.",
      },
      axis("stable rank", { rangemode: "tozero" }),
      ({ stableRank }) => stableRank,
    ),
    sitesFigure(
      {
        id: "spectra-angle",
        title: "How far the space that ΔW reads turned since the last reading",
        caption:
          "The largest principal angle between the input spaces of ΔW, 20 steps apart. Seed {seed}.",
      },
      axis("degrees", { range: [0, 92] }),
      ({ angle }) => angle && angle * 180 / Math.PI,
    ),
  ],
});
