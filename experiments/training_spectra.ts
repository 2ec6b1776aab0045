/** How an adapter's spectrum comes about, from readings taken while it trained. @module */

import { axis, baseLayout, logAxis } from "../src/figures/layout.ts";
import type { Figure } from "../src/figures/figure.ts";
import { palette } from "../src/figures/palette.ts";
import type { Axis, Trace } from "../src/figures/plotly_types.ts";
import { stepsOf } from "./adaptation/adaptation.ts";
import { learningRateOf, loraMethod } from "./adaptation/methods.ts";
import type { Experiment, ExperimentContext, PlanContext } from "./frame/experiment.ts";
import { glossData, planGloss } from "./gloss_runs.ts";
import { leftOut } from "./left_out.ts";
import type { SiteReading, SpectrumReading } from "./live_spectra.ts";
import { makeRuns, type PlannedRun } from "./frame/planned_runs.ts";

/** The largest rank of the adaptation experiment, whose run it shares. */
const rank = 16;

function planSpectra(context: PlanContext): PlannedRun[] {
  const method = loraMethod(rank), learningRate = learningRateOf(method);
  const steps = stepsOf(context), [seed] = context.seeds, data = glossData("noun", context.quick);
  const chosen = { method: method.spec, learningRate, seed, steps, data };
  return [planGloss(chosen, method.label)];
}

/** A site's numbers over the readings. */
function overSteps(
  readings: readonly SpectrumReading[],
  site: number,
  value: (reading: SiteReading) => number | undefined,
): Trace {
  return {
    type: "scatter",
    mode: "lines+markers",
    x: readings.map(({ steps }) => steps),
    y: readings.map(({ sites }) => value(sites[site])),
  };
}

/** `q, layer 1` of `transformer.h.0.attn.c_attn:q`. */
function shortName({ name }: SiteReading): string {
  const [, layer, part] = /^transformer\.h\.(\d+)\.(?:attn\.c_attn:)?(.+)$/.exec(name)!;
  return `${part}, layer ${Number(layer) + 1}`;
}

/** Every singular value of one site over the steps, from at least one reading. */
export function trainingSpectrum(readings: readonly SpectrumReading[], site: number): Figure {
  const [{ steps, sites }] = readings, count = sites[site].singularValues.length;
  return {
    id: "spectra-values",
    title: `Singular values of ΔW while it trains: ${shortName(sites[site])}`,
    caption:
      `All ${count}, the largest on top, dark; read every ${steps} steps while the training went on.`,
    data: Array.from({ length: count }, (_, place) => ({
      ...overSteps(readings, site, ({ singularValues }) => singularValues[place]),
      name: `σ ${place + 1}`,
      showlegend: false,
      line: { color: palette.lora[place === 0 ? 2 : place < 4 ? 1 : 0], width: 1.5 },
    })),
    layout: baseLayout(axis("step"), logAxis("singular value")),
  };
}

/** A number of every site, a line each. */
function sitesFigure(
  readings: readonly SpectrumReading[],
  value: (reading: SiteReading) => number | undefined,
  more: { id: string; title: string; caption: string; y: Axis },
): Figure {
  const { y, ...words } = more, [{ sites }] = readings;
  return {
    ...words,
    data: sites.map((reading, site) => ({
      ...overSteps(readings, site, value),
      name: shortName(reading),
      line: { color: palette.series[site % palette.series.length], width: 1.5 },
      marker: { symbol: site < palette.series.length ? "circle" : "diamond", size: 6 },
    })),
    layout: baseLayout(axis("step"), y),
  };
}

function figuresOf(readings: readonly SpectrumReading[]): Figure[] {
  const query = readings[0].sites.findIndex(({ name }) => name.endsWith(":q"));
  return [
    trainingSpectrum(readings, query),
    sitesFigure(readings, ({ stableRank }) => stableRank, {
      id: "spectra-stable-rank",
      title: "Stable rank of every adapter while it trains",
      caption: "‖ΔW‖² / σ₁², from 1 to the rank.",
      y: axis("stable rank", { rangemode: "tozero" }),
    }),
    sitesFigure(readings, ({ angle }) => angle && angle * 180 / Math.PI, {
      id: "spectra-angle",
      title: "How far the space that ΔW reads turned since the last reading",
      caption: "The largest principal angle between the input spaces of ΔW, 20 steps apart.",
      y: axis("degrees", { range: [0, 92] }),
    }),
  ];
}

/** An adapter's spectrum over the steps of its training. */
export const trainingSpectra: Experiment = {
  name: "training-spectra",
  title: "How an adapter's spectrum comes about",
  question: "When do an adapter's directions appear, and when do they come to rest?",
  source: "no figure of the paper; its section 7.2 looks at the end of training",
  runs: (context) => Promise.resolve(planSpectra(context)),
  async run(context) {
    const [{ metrics }] = await makeRuns(planSpectra(context), context);
    const readings = (metrics.spectra ?? []) as unknown as readonly SpectrumReading[];
    if (readings.length === 0) return leftOut("the run has no reading; they are 20 steps apart");
    return {
      settings: `LoRA of rank ${rank} on every linear layer, the run of the comparison with full ` +
        "fine-tuning; every 20 steps all adapters are read while the steps go on. Nothing is judged.",
      findings: [],
      tables: [],
      figures: figuresOf(readings).map((figure) => ({
        ...figure,
        caption: `${figure.caption} Seed ${context.seeds[0]}.`,
      })),
    };
  },
};
