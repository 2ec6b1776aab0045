/** Table 7's random column, and the cost of an analysis, at GPT-3's width. @module */

import { amplification, frobeniusOf, similarityGrid, spectrum } from "../src/analysis/mod.ts";
import { updateDirections, updateSingularValues } from "../src/analysis/mod.ts";
import type { LowRankFactors } from "../src/analysis/mod.ts";
import type { HostTensor } from "../src/core/tensor.ts";
import { Random } from "../src/core/random.ts";
import { normalValues } from "../src/linalg/gaussian.ts";
import { baseLayout, line, logAxis, palette, table } from "../src/figures/mod.ts";
import { type Experiment, experiment, LeftOut } from "./frame/mod.ts";
import { gpt3 } from "./gpt3.ts";

/** Numbers of GPT-3's layer 48 in table 7 (quoted). */
const printed = {
  weightNorm: 61.95,
  updates: [
    { rank: 4, deltaNorm: 6.91, random: 0.02 },
    { rank: 64, deltaNorm: 3.57, random: 0.33 },
  ],
} as const;

/** Draws W and an update of each printed rank and norm, and analyzes them; times each part. */
function analyzeLayer(width: number, seed: number) {
  const seconds: { readonly part: string; readonly seconds: number }[] = [];
  const timed = <T>(part: string, work: () => T): T => {
    const start = performance.now(), result = work();
    seconds.push({ part, seconds: (performance.now() - start) / 1000 });
    return result;
  };
  const data = timed("drawing W", () => {
    return normalValues(width * width, printed.weightNorm / width, new Random(seed));
  });
  const weight = { rows: width, columns: width, data };
  const factors = printed.updates.map(({ rank, deltaNorm }, i) =>
    gaussianUpdate(width, rank, deltaNorm, seed + 1 + i)
  );
  const updates = factors.map((one, i) => {
    const { rank } = printed.updates[i];
    const values = timed(`spectrum, r = ${rank}`, () => spectrum(one));
    const beside = timed(`table 7, r = ${rank}`, () => amplification(one, weight, { seed }));
    return { ...beside, rank, spectrum: values, stableRank: values.stableRank };
  });
  const similarity = timed("φ, 4 x 64", () => {
    const [small, large] = factors.map((one) => updateDirections(one).right);
    return similarityGrid(small, large);
  });
  return { width, updates, similarity, seconds, weightBytes: data.byteLength };
}

/** Random factors of a product of this norm. */
function gaussianUpdate(width: number, rank: number, norm: number, seed: number): LowRankFactors {
  const random = new Random(seed);
  const draw = (...shape: [number, number]): HostTensor => {
    return { shape, data: normalValues(shape[0] * shape[1], 1, random) };
  };
  const factors = { A: draw(rank, width), B: draw(width, rank), scaling: 1 };
  return { ...factors, scaling: norm / frobeniusOf(updateSingularValues(factors)) };
}

/**
 * True if ‖UᵀWV‖ of random directions, printed to a last digit of `unit`, is within three
 * deviations.
 */
export function isExplained(value: number, rank: number, width: number, unit = 0): boolean {
  const mean = rank * printed.weightNorm / width; // the root of its mean square
  const deviation = printed.weightNorm / (Math.SQRT2 * width); // of one draw
  return Math.abs(value - mean) <= 3 * deviation + unit / 2;
}

/** A layer of GPT-3's width. */
export const fullSize: Experiment = experiment({
  name: "full-size-layer",
  title: "A layer of GPT-3's width",
  question:
    "How much of table 7 is chance at d = 12,288, and what does an analysis at that size cost?",
  source: "Hu et al. 2021, section 7.3, table 7 (quoted: ‖W‖, ‖ΔW‖, the random column)",
  rows: (_, { full, quick, seeds: [seed] }) =>
    full
      ? analyzeLayer(quick ? 256 : gpt3.n_embd, seed)
      : new LeftOut("it takes half a minute with OpenBLAS and 3 GB of memory; --full runs it"),
  settings: ({ width, similarity }) =>
    `W is ${width} x ${width}, independent normal values of norm ${printed.weightNorm}; updates of ` +
    "rank 4 and 64 with the printed norms 6.91 and 3.57 and random factors. W's own directions come " +
    "from the randomized range finder. φ(4, 64) between the two updates is " +
    `${similarity[3][63].toFixed(4)}; by chance ${(64 / width).toFixed(4)}.`,
  beyond: true,
  claims: [{
    text: "Table 7's random column is (r/d)·‖W‖ for any W",
    rule:
      "when both printed values differ from (r/d)·‖W‖ by at most three standard deviations of one " +
      "draw, ‖W‖ / (√2·d), plus half a unit of their last digit, and our own draws by at most three",
    quick: false,
    ours: ({ updates }) =>
      updates.map(({ rank, inRandom }) => `r = ${rank}: ${inRandom.toFixed(4)}`).join(", "),
    holds: ({ width, updates }) =>
      printed.updates.every(({ rank, random }) => isExplained(random, rank, width, 0.01)) &&
      updates.every(({ rank, inRandom }) => isExplained(inRandom, rank, width)),
    found({ updates }) {
      const list = updates.map(({ rank, expectedRandom, inRandom }, i) =>
        `r = ${rank}: ${expectedRandom.toFixed(4)} by chance, ${inRandom.toFixed(4)} drawn, ` +
        `${printed.updates[i].random} printed`
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
        ["inDelta", "‖UᵀWV‖, ΔW's directions", "number"],
        ["inWeight", "W's own", "number"],
        ["inRandom", "random", "number"],
        ["expectedRandom", "random, by chance", "number"],
        ["factor", "‖ΔW‖ / ‖UᵀWV‖", "number"],
        ["stableRank", "stable rank of ΔW", "number"],
      ],
      rows: updates,
    }), ({ seconds, weightBytes }) =>
    table<{ part: string; seconds?: number; bytes?: number }>({
      id: "full-size-cost",
      title: "Time and memory of the analysis",
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
      "From the factors. Dashed: the largest singular value of full-rank noise of the same shape and norm " +
      "(Marchenko and Pastur). The spectrum of a product of two low-rank Gaussian factors is nearly flat.",
    data: updates.flatMap(({ rank, spectrum: { singularValues, noiseEdge } }, i) => {
      const color = palette.series[i], name = `r = ${rank}`, mode = "lines+markers";
      return [
        line([...singularValues], (_, i) => i + 1, (value) => value, { color }, { name, mode }),
        line([1, 64], (x) => x, () => noiseEdge, { color, dash: "dash" }, {
          name: `${name}, noise`,
        }),
      ];
    }),
    layout: baseLayout(logAxis("index"), logAxis("singular value")),
  })],
});
