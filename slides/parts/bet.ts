/** The bet of LoRA: a change needs fewer directions than a weight. @module */

import { matrixFactors, spectrum, truncationError } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { linesFigure, palette } from "../../src/figures/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { formulasHtml, plotHtml } from "../drawing.ts";
import type { Slide } from "../slide.ts";

function gaussian(rows: number, columns: number, seed: number) {
  const random = new Random(seed), draw = () => random.normal();
  return { shape: [rows, columns], data: Float32Array.from({ length: rows * columns }, draw) };
}

/** Question and answer. */
export async function betSlides(): Promise<Slide[]> {
  const { updates: [query] } = await readAdapter(`${rootPath}models/rank-study/qv-r64-seed11`);
  using base = await openBaseWeights(`${rootPath}models/tiny-gpt2`);
  const W = await base.weightOf(query);
  const spectra = {
    "random": spectrum(matrixFactors(gaussian(256, 256, 10))),
    "W₀": spectrum(matrixFactors(W)),
    "random BA": spectrum({ A: gaussian(64, 256, 11), B: gaussian(256, 64, 12), scaling: 1 }),
    "ΔW": spectrum(query),
  };
  const colors = [palette.series[4], palette.base, palette.series[3], palette.lora[1]];
  const kept = Array.from({ length: 65 }, (_, i) => 2 * i);
  const lines = Object.entries(spectra).map(([name, { singularValues }], i) => ({
    ...{ name, color: colors[i] },
    ...{ x: kept, y: kept.map((k) => truncationError(singularValues, k).relative) },
  }));
  const [random, weight, product, learned] = Object.values(spectra).map(({ singularValues }) =>
    `${singularValues.findIndex((_, k) => truncationError(singularValues, k).relative <= 0.5)}`
  );
  return [{
    kind: "question",
    title: "How many directions until half of the matrix is there?",
    text: [
      "LoRA does not say that weights have low rank. It bets that their change does. Order these four.",
    ],
    choices: ["random", "W₀ of the base", "a random BA, r = 64", "ΔW of an adapter, r = 64"],
    minute: 37,
    notes:
      "LoRA does not say that weights have low rank. It bets that their change does. Let them order the four.",
    figure: await formulasHtml("\\frac{\\lVert M - M_k\\rVert}{\\lVert M\\rVert} \\le \\tfrac12"),
    caption: "Mₖ: the best matrix of rank k. All four are 256 × 256.",
  }, {
    kind: "answer",
    title: "What was learned needs the fewest directions: {learned} of 256",
    text: [
      "Until half of it is there: W₀ {weight}, a random matrix {random}, a random BA of rank 64 {product}.",
    ],
    numbers: { random, weight, product, learned },
    figure: await plotHtml(
      linesFigure({
        ...{ id: "bet", title: "", caption: "" },
        ...{ x: { title: "k, directions kept" }, y: { title: "‖M − Mₖ‖ / ‖M‖" } },
      }, lines),
      "Four falling lines; that of ΔW falls first.",
    ),
    caption: "q of layer 1 of tiny-gpt2; the adapter is qv-r64-seed11.",
    minute: 38,
    notes:
      "“Rank 64 is not low”: right, but it used far fewer of them. Chance is the random BA of the same rank.",
  }];
}
