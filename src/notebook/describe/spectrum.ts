/** A spectrum as a figure and a table. @module */

import type { Spectrum } from "../../analysis/mod.ts";
import type { DataTable, Figure } from "../../figures/figure.ts";
import { axis, baseLayout } from "../../figures/layout.ts";
import { palette } from "../../figures/palette.ts";
import { table } from "../../figures/table.ts";

/** The singular values, and the measures of rank. */
export function describeSpectrum(spectrum: Spectrum): [Figure, DataTable] {
  return [spectrumFigure(spectrum), rankTable(spectrum)];
}

function spectrumFigure({ singularValues, noiseEdge }: Spectrum): Figure {
  const count = singularValues.length;
  return {
    id: "spectrum",
    title: "Singular values of ΔW",
    caption: "Dashed: the largest singular value of noise with the same shape and norm.",
    data: [
      {
        type: "scatter",
        mode: "lines+markers",
        name: "ΔW",
        x: singularValues.map((_, i) => i + 1),
        y: singularValues,
        line: { color: palette.lora[1] },
      },
      {
        type: "scatter",
        mode: "lines",
        name: "noise edge",
        x: [1, count],
        y: [noiseEdge, noiseEdge],
        line: { color: palette.base, dash: "dash" },
      },
    ],
    layout: baseLayout(
      axis("index i", { tick0: 1, dtick: Math.ceil(count / 10) }),
      axis("singular value σᵢ", { rangemode: "tozero" }),
      { height: 320 },
    ),
  };
}

function rankTable(spectrum: Spectrum): DataTable {
  const measures: readonly (readonly [name: string, value: number])[] = [
    ["Frobenius norm ‖ΔW‖", spectrum.frobenius],
    ["numerical rank", spectrum.numericalRank],
    ["stable rank ‖ΔW‖² / σ₁²", spectrum.stableRank],
    ["effective rank, exp(entropy of σ)", spectrum.effectiveRank],
    ["participation ratio (Σσ²)² / Σσ⁴", spectrum.participationRatio],
    ["directions that hold 90% of ‖ΔW‖²", spectrum.energyRank90],
    ["directions that hold 99% of ‖ΔW‖²", spectrum.energyRank99],
    ["singular values above the noise edge", spectrum.aboveNoise],
  ];
  return table({
    id: "ranks",
    title: `Measures of the rank of ΔW, which is at most ${spectrum.singularValues.length}`,
    columns: [
      ["measure", "measure", "text", ([measure]) => measure],
      ["value", "value", "number", ([, value]) => value],
    ],
    rows: measures,
  });
}
