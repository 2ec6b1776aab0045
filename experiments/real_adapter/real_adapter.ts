/** Somebody's real adapter: what the authors' own RoBERTa adapter looks like. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout, logAxis } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Experiment } from "../frame/experiment.ts";
import { leftOut } from "../left_out.ts";
import { type AuthorsModule, findAuthors, readAuthors, scaling } from "./authors.ts";

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Share of the energy in the first direction. */
const topShare = ({ spectrum: { singularValues: [first], frobenius } }: AuthorsModule) =>
  (first / frobenius) ** 2;

function settings(modules: readonly AuthorsModule[]): string {
  const stable = (site: AuthorsModule["site"]) =>
    mean(modules.filter((one) => one.site === site).map((one) => one.spectrum.stableRank));
  const steepest = modules.reduce((a, b) => topShare(b) > topShare(a) ? b : a);
  const [first, second] = steepest.spectrum.singularValues;
  return `r = 8 on query and value of 12 layers of RoBERTa base, trained on MNLI; α = 16, a scaling of ` +
    `${scaling}. Mean stable rank: query ${stable("query").toFixed(2)}, value ${
      stable("value").toFixed(2)
    } of 8. Steepest: layer ${steepest.layer}'s ${steepest.site}, ${
      (100 * topShare(steepest)).toFixed(1)
    }% of whose energy lies in one direction (σ ${first.toFixed(2)}, ${second.toFixed(2)}, …). ` +
    "Described, not judged: the paper claims nothing of this adapter.";
}

function adapterTable(modules: readonly AuthorsModule[]): DataTable {
  const number = (key: string, label: string) => ({ key, label, unit: "share" as const });
  return {
    id: "authors-adapter",
    title: "The update of each matrix",
    columns: [
      { key: "site", label: "matrix", unit: "text" },
      { key: "layer", label: "layer", unit: "text" },
      number("frobenius", "‖ΔW‖"),
      number("first", "σ₁"),
      number("second", "σ₂"),
      number("last", "σ₈"),
      { key: "share", label: "energy in σ₁", unit: "percent" },
      number("stableRank", "stable rank"),
      number("effectiveRank", "effective rank"),
    ],
    rows: modules.map((module) => {
      const { singularValues, frobenius, stableRank, effectiveRank } = module.spectrum;
      const [first, second] = singularValues, last = singularValues.at(-1)!;
      const { site, layer } = module, share = 100 * topShare(module);
      return {
        ...{ site, layer: String(layer), frobenius, first, second, last, share },
        ...{ stableRank, effectiveRank },
      };
    }),
  };
}

/** Each layer's spectrum as a line, queries left, values right. */
function spectraFigure(modules: readonly AuthorsModule[]): Figure {
  const sites = ["query", "value"] as const, panels = [[0, 0.47], [0.53, 1]] as const;
  const shade = (layer: number) =>
    `rgb(${[86, 180, 233].map((dark, i) => dark + (layer / 11) * ([0, 38, 63][i] - dark)).join()})`;
  return {
    id: "authors-spectra",
    title: "Singular values of ΔW in the authors' adapter",
    caption:
      "A line for each of the 12 layers, from light (0) to dark (11). Left query, right value.",
    data: modules.map(({ site, layer, spectrum: { singularValues } }) => ({
      type: "scatter",
      mode: "lines+markers",
      name: `layer ${layer}`,
      x: singularValues.map((_, i) => i + 1),
      y: singularValues,
      xaxis: site === "query" ? "x" : "x2",
      showlegend: false,
      line: { color: shade(layer), width: 1.5 },
      marker: { color: shade(layer), size: 5 },
    })),
    layout: baseLayout(
      axis(`place, ${sites[0]}`, { domain: panels[0], anchor: "y" }),
      logAxis("singular value"),
      { xaxis2: axis(`place, ${sites[1]}`, { domain: panels[1], anchor: "y" }) },
    ),
  };
}

/** Stable rank over the layers. */
function rankFigure(modules: readonly AuthorsModule[]): Figure {
  return {
    id: "authors-ranks",
    title: "Stable rank of ΔW over the layers",
    caption: "‖ΔW‖² / σ₁², from 1 to 8: how many directions carry the update's energy.",
    data: (["query", "value"] as const).map((site, i) => {
      const own = modules.filter((one) => one.site === site);
      return {
        type: "scatter",
        mode: "lines+markers",
        name: site,
        x: own.map(({ layer }) => layer),
        y: own.map(({ spectrum: { stableRank } }) => stableRank),
        line: { color: palette.series[i] },
      };
    }),
    layout: baseLayout(axis("layer", { dtick: 1 }), axis("stable rank", { range: [0.9, 8] })),
  };
}

/** The authors' own adapter, where it is at hand. */
export const realAdapter: Experiment = {
  name: "real-adapter",
  title: "Somebody's real adapter",
  question: "How many of its directions does an adapter use that the paper's authors published?",
  source: "microsoft/LoRA, examples/NLU/roberta_base_lora_mnli.bin; Hu et al. 2021, table 2",
  async run(context) {
    const file = await findAuthors();
    if (!file) {
      return leftOut(
        "the authors' adapter is not part of this repository, and LOWRANK_DATA names no folder with " +
          "roberta-base-mnli-lora/loralib.safetensors",
      );
    }
    const modules = await readAuthors(file);
    context.report(1, `${modules.length} matrices`);
    return {
      settings: settings(modules),
      findings: [],
      tables: [adapterTable(modules)],
      figures: [spectraFigure(modules), rankFigure(modules)],
    };
  },
};
