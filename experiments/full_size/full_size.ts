/** Table 7's random column, and what an analysis costs, at GPT-3's own width. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { baseLayout, logAxis } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Trace } from "../../src/figures/plotly_types.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { gpt3 } from "../gpt3.ts";
import { leftOut } from "../left_out.ts";
import { analyseLayer, type LayerResult, printed } from "./layer.ts";

/** ‖UᵀWVᵀ‖ of random directions: the root of its mean square, and one draw's deviation. */
export function expectedRandom(rank: number, width: number, norm: number) {
  return { mean: rank * norm / width, deviation: norm / (Math.SQRT2 * width) };
}

/** Whether a value, printed to a last digit of `unit`, lies within three deviations. */
export function isExplained(value: number, rank: number, width: number, unit = 0): boolean {
  const { mean, deviation } = expectedRandom(rank, width, printed.weightNorm);
  return Math.abs(value - mean) <= 3 * deviation + unit / 2;
}

function findings({ width, updates }: LayerResult): Finding[] {
  const explained = printed.updates.every(({ rank, random }) =>
    isExplained(random, rank, width, 0.01)
  );
  const ours = updates.every(({ rank, amplification }) =>
    isExplained(amplification.inRandom, rank, width)
  );
  const list = updates.map(({ rank, amplification: { expectedRandom, inRandom } }, i) =>
    `r = ${rank}: ${expectedRandom.toFixed(4)} by chance, ${inRandom.toFixed(4)} drawn, ${
      printed.updates[i].random
    } printed`
  );
  return [{
    claim: "Table 7's random column is (r/d)·‖W‖, whatever W is",
    rule:
      "held when both printed values lie within three deviations of one draw, ‖W‖ / (√2·d), and " +
      "half a unit of their last digit, and our own draw within three deviations.",
    found: `${list.join("; ")}.`,
    verdict: explained && ours ? "held" : "differs from the paper",
  }];
}

function layerTable({ updates }: LayerResult): DataTable {
  const number = (key: string, label: string) => ({ key, label, unit: "number" as const });
  return {
    id: "full-size",
    title: "Table 7 for random updates of a random W of GPT-3's width",
    columns: [
      { key: "rank", label: "r", unit: "count" },
      number("weightNorm", "‖W‖"),
      number("deltaNorm", "‖ΔW‖"),
      number("inDelta", "‖UᵀWVᵀ‖, ΔW's directions"),
      number("inWeight", "W's own"),
      number("inRandom", "random"),
      number("expectedRandom", "random, by chance"),
      number("factor", "‖ΔW‖ / ‖UᵀWVᵀ‖"),
      number("stableRank", "stable rank of ΔW"),
    ],
    rows: updates.map(({ amplification, spectrum: { stableRank } }) => {
      return { ...amplification, stableRank };
    }),
  };
}

function costTable({ seconds, weightBytes }: LayerResult): DataTable {
  return {
    id: "full-size-cost",
    title: "What it took",
    columns: [
      { key: "part", label: "part", unit: "text" },
      { key: "seconds", label: "seconds", unit: "time" },
      { key: "bytes", label: "bytes", unit: "bytes" },
    ],
    rows: [
      ...Object.entries(seconds).map(([part, seconds]) => ({ part, seconds })),
      { part: "W in F32", bytes: weightBytes },
      { part: "the process at the end", bytes: Deno.memoryUsage().rss },
    ],
  };
}

function spectrumFigure({ updates }: LayerResult): Figure {
  return {
    id: "full-size-spectrum",
    title: "Singular values of the random updates",
    caption:
      "From the factors; dashed: where those of noise of this shape and norm would end, had it " +
      "full rank (Marchenko and Pastur). A product of two Gaussian factors of low rank is nearly flat.",
    data: updates.flatMap(({ rank, spectrum }, i): Trace[] => {
      const x = spectrum.singularValues.map((_, place) => place + 1), color = palette.series[i];
      const line: Trace = { type: "scatter", mode: "lines", name: `r = ${rank}`, line: { color } };
      const edge: Trace = { ...line, name: `r = ${rank}, noise`, line: { color, dash: "dash" } };
      return [
        { ...line, mode: "lines+markers", x, y: spectrum.singularValues },
        { ...edge, x: [1, 64], y: [spectrum.noiseEdge, spectrum.noiseEdge] },
      ];
    }),
    layout: baseLayout(logAxis("place"), logAxis("singular value")),
  };
}

/** A layer of GPT-3's width. */
export const fullSize: Experiment = {
  name: "full-size-layer",
  title: "A layer of GPT-3's own width",
  question:
    "How much of table 7 is chance at d = 12,288, and what does an analysis at that size cost?",
  source: "Hu et al. 2021, section 7.3, table 7 (quoted: ‖W‖, ‖ΔW‖, the random column)",
  run(context) {
    if (!context.full) {
      return Promise.resolve(
        leftOut("it takes half a minute with OpenBLAS and 3 GB; --full runs it"),
      );
    }
    const result = analyseLayer(context.quick ? 256 : gpt3.n_embd, context.seeds[0]);
    context.report(1, "analysed");
    return Promise.resolve({
      settings: `W is ${result.width} x ${result.width}, independent normal values of norm ` +
        `${printed.weightNorm}; updates of rank 4 and 64 with the printed norms 6.91 and 3.57 and ` +
        "random factors. W's own directions come from the randomised range finder. φ(4, 64) between " +
        `the two updates is ${result.similarity[3][63].toFixed(4)}; by chance ${
          (64 / result.width).toFixed(4)
        }.`,
      findings: context.quick
        ? findings(result).map((one) => ({ ...one, verdict: "not judged (quick run)" as const }))
        : findings(result),
      tables: [layerTable(result), costTable(result)],
      figures: [spectrumFigure(result)],
    });
  },
};
