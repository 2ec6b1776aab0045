/** Development of an adapter's spectrum, from readings taken during training. @module */

import { axis } from "../src/figures/mod.ts";
import { sitesOverSteps, type SpectrumReading, trainingSpectrum } from "../src/inspect/mod.ts";
import { adaptationRun, loraMethod } from "./adaptation/methods.ts";
import { type Experiment, experiment, LeftOut } from "./frame/mod.ts";
import { planGloss } from "./gloss_runs.ts";

/** The largest rank of the adaptation experiment, whose run it shares. */
const rank = 16, method = loraMethod(rank);

/** An adapter's spectrum over the steps of its training. */
export const trainingSpectra: Experiment = experiment({
  name: "training-spectra",
  title: "How an adapter's spectrum develops during training",
  question: "When do an adapter's directions appear, and when do they settle?",
  source: "not in the paper, whose section 7.2 looks only at the end of training",
  settings: `LoRA of rank ${rank} on every linear layer, the same run as in the comparison with ` +
    "full fine-tuning. All updates are read every 20 steps while training continues. Nothing is judged.",
  seeds: "{seed}",
  runs: (
    { seeds: [seed], quick },
  ) => [planGloss(adaptationRun(method, "noun", seed, quick), method.label)],
  rows([{ metrics }]) {
    const readings = (metrics.spectra ?? []) as unknown as readonly SpectrumReading[];
    return readings.length > 0
      ? readings
      : new LeftOut("the run has no readings, which are 20 steps apart");
  },
  figures: [(readings) => {
    const query = readings[0].sites.findIndex(({ name }) => name.endsWith(":q"));
    const figure = trainingSpectrum(readings, query);
    return { ...figure, caption: `${figure.caption} Seed {seed}.` };
  }, (readings) => {
    const words = {
      id: "spectra-stable-rank",
      title: "Stable rank of every update during training",
      caption: "‖ΔW‖² / σ₁², from 1 to the rank. Seed {seed}.",
    };
    const y = axis("stable rank", { rangemode: "tozero" });
    return sitesOverSteps(readings, words, y, ({ stableRank }) => stableRank);
  }, (readings) => {
    const words = {
      id: "spectra-angle",
      title: "How far the input space of ΔW has rotated since the previous reading",
      caption:
        "The largest principal angle between the input spaces of ΔW, 20 steps apart. Seed {seed}.",
    };
    const y = axis("degrees", { range: [0, 92] });
    return sitesOverSteps(readings, words, y, ({ angle }) => angle && angle * 180 / Math.PI);
  }],
});
