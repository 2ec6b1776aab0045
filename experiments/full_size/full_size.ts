/** Table 7's random column, and what an analysis costs, at GPT-3's own width. @module */

import { baseLayout, line, logAxis, palette, table } from "../../src/figures/mod.ts";
import { type Experiment, experiment, LeftOut } from "../frame/mod.ts";
import { gpt3 } from "../gpt3.ts";
import { analyzeLayer, printed } from "./layer.ts";

/** Whether ‖UᵀWVᵀ‖ of random directions, printed to a last digit of `unit`, is within three deviations. */
export function isExplained(value: number, rank: number, width: number, unit = 0): boolean {
  const mean = rank * printed.weightNorm / width; // the root of its mean square
  const deviation = printed.weightNorm / (Math.SQRT2 * width); // of one draw
  return Math.abs(value - mean) <= 3 * deviation + unit / 2;
}

/** A layer of GPT-3's width. */
export const fullSize: Experiment = experiment({
  name: "full-size-layer",
  title: "A layer of GPT-3's own width",
  question:
    "How much of table 7 is chance at d = 12,288, and what does an analysis at that size cost?",
  source: "Hu et al. 2021, section 7.3, table 7 (quoted: ‖W‖, ‖ΔW‖, the random column)",
  rows: (_, { full, quick, seeds: [seed] }) =>
    full
      ? analyzeLayer(quick ? 256 : gpt3.n_embd, seed)
      : new LeftOut("it takes half a minute with OpenBLAS and 3 GB; --full runs it"),
  settings: ({ width, similarity }) =>
    `W is ${width} x ${width}, independent normal values of norm ${printed.weightNorm}; updates of ` +
    "rank 4 and 64 with the printed norms 6.91 and 3.57 and random factors. W's own directions come " +
    "from the randomized range finder. φ(4, 64) between the two updates is " +
    `${similarity[3][63].toFixed(4)}; by chance ${(64 / width).toFixed(4)}.`,
  claims: [{
    text: "Table 7's random column is (r/d)·‖W‖, whatever W is",
    rule:
      "held when both printed values lie within three deviations of one draw, ‖W‖ / (√2·d), and " +
      "half a unit of their last digit, and our own draw within three deviations.",
    printed: true,
    quick: false,
    holds: ({ width, updates }) =>
      printed.updates.every(({ rank, random }) => isExplained(random, rank, width, 0.01)) &&
      updates.every(({ rank, inRandom }) => isExplained(inRandom, rank, width)),
    found({ updates }) {
      const list = updates.map(({ rank, expectedRandom, inRandom }, i) =>
        `r = ${rank}: ${expectedRandom.toFixed(4)} by chance, ${inRandom.toFixed(4)} drawn, ${
          printed.updates[i].random
        } printed`
      );
      return `${list.join("; ")}.`;
    },
  }],
  tables: [({ updates }) =>
    table({
      id: "full-size",
      title: "Table 7 for random updates of a random W of GPT-3's width",
      columns: [
        ["rank", "r", "count"],
        ["weightNorm", "‖W‖", "number"],
        ["deltaNorm", "‖ΔW‖", "number"],
        ["inDelta", "‖UᵀWVᵀ‖, ΔW's directions", "number"],
        ["inWeight", "W's own", "number"],
        ["inRandom", "random", "number"],
        ["expectedRandom", "random, by chance", "number"],
        ["factor", "‖ΔW‖ / ‖UᵀWVᵀ‖", "number"],
        ["stableRank", "stable rank of ΔW", "number"],
      ],
      rows: updates,
    }), ({ seconds, weightBytes }) =>
    table<{ part: string; seconds?: number; bytes?: number }>({
      id: "full-size-cost",
      title: "What it took",
      columns: [
        ["part", "part", "text"],
        ["seconds", "seconds", "time"],
        ["bytes", "bytes", "bytes"],
      ],
      rows: [
        ...seconds,
        { part: "W in F32", bytes: weightBytes },
        { part: "the process at the end", bytes: Deno.memoryUsage().rss },
      ],
    })],
  figures: [({ updates }) => ({
    id: "full-size-spectrum",
    title: "Singular values of the random updates",
    caption:
      "From the factors; dashed: where those of noise of this shape and norm would end, had it " +
      "full rank (Marchenko and Pastur). A product of two Gaussian factors of low rank is nearly flat.",
    data: updates.flatMap(({ rank, spectrum: { singularValues, noiseEdge } }, i) => {
      const color = palette.series[i], name = `r = ${rank}`, mode = "lines+markers";
      return [
        line([...singularValues], (_, i) => i + 1, (value) => value, { color }, { name, mode }),
        line([1, 64], (x) => x, () => noiseEdge, { color, dash: "dash" }, {
          name: `${name}, noise`,
        }),
      ];
    }),
    layout: baseLayout(logAxis("place"), logAxis("singular value")),
  })],
});
