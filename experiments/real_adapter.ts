/** The RoBERTa adapter that the paper's authors published. @module */

import { join } from "node:path";
import { spectrum } from "../src/analysis/mod.ts";
import { mean } from "../src/core/numbers.ts";
import { leftPanel, rightPanel } from "../src/figures/figure.ts";
import { axis, baseLayout, line, logAxis, palette, table } from "../src/figures/mod.ts";
import { type HostTensor, loralibUpdates, readSafetensors } from "../src/formats/mod.ts";
import { kindOf } from "../src/storage/storage.ts";
import { type Experiment, experiment, LeftOut } from "./frame/mod.ts";

/** The file within the folder that `LOWRANK_DATA` names: loralib's names, `….query.lora_A`. */
const path = "roberta-base-mnli-lora/loralib.safetensors";

/** α / r: 16 by the authors' script (table 9 prints 8), r = 8. The file says neither. */
const scaling = 16 / 8;
const sites = ["query", "value"] as const;

type AuthorsModule = ReturnType<typeof modulesOf>[number];

/** The file's path, if there is one. */
export async function findAuthors(): Promise<string | undefined> {
  const folder = Deno.env.get("LOWRANK_DATA");
  if (!folder) return undefined;
  const file = join(folder, path);
  return await kindOf(file) === "file" ? file : undefined;
}

/** Every adapted matrix of the file. */
export async function readAuthors(file: string) {
  return modulesOf((await readSafetensors(file)).tensors);
}

/** Every adapted matrix in the order of the layers, queries first; the classifier is passed over. */
export function modulesOf(tensors: ReadonlyMap<string, HostTensor>) {
  return loralibUpdates(tensors, scaling).flatMap((update) => {
    const match = /\.layer\.(\d+)\..*\.(query|value)$/.exec(update.module);
    if (!match) return [];
    const site = match[2] as "query" | "value";
    return [{ layer: Number(match[1]), site, spectrum: spectrum(update) }];
  }).sort((a, b) => a.site.localeCompare(b.site) || a.layer - b.layer);
}

const ofSite = (modules: readonly AuthorsModule[], site: "query" | "value") =>
  modules.filter((one) => one.site === site);

/** Share of the energy in the first direction. */
const topShare = ({ spectrum: { singularValues: [first], frobenius } }: AuthorsModule) =>
  (first / frobenius) ** 2;

function settings(modules: readonly AuthorsModule[]): string {
  const [query, value] = sites.map((site) =>
    mean(ofSite(modules, site).map(({ spectrum }) => spectrum.stableRank)).toFixed(2)
  );
  const steepest = modules.reduce((a, b) => topShare(b) > topShare(a) ? b : a);
  const [first, second] = steepest.spectrum.singularValues;
  return `r = 8 on query and value of 12 layers of RoBERTa base, trained on MNLI; α = 16, a scaling of ` +
    `${scaling}. Mean stable rank: query ${query}, value ${value} of 8. Steepest: layer ` +
    `${steepest.layer}'s ${steepest.site}, ${(100 * topShare(steepest)).toFixed(1)}% of whose ` +
    `energy is in one direction (σ ${first.toFixed(2)}, ${second.toFixed(2)}, …). ` +
    "Described, not judged: the paper makes no claim about this adapter.";
}

/** The authors' own adapter, if LOWRANK_DATA has it. */
export const realAdapter: Experiment = experiment({
  name: "real-adapter",
  title: "The authors' RoBERTa adapter",
  question: "How many of its directions does an adapter published by the paper's authors use?",
  source: "microsoft/LoRA, examples/NLU/roberta_base_lora_mnli.bin; Hu et al. 2021, table 2",
  async rows() {
    const file = await findAuthors();
    return file ? await readAuthors(file) : new LeftOut(
      "the authors' adapter is not part of this repository, and LOWRANK_DATA is not a folder with " +
        path,
    );
  },
  settings,
  tables: [(modules) =>
    table({
      id: "authors-adapter",
      title: "The update of each matrix",
      columns: [
        ["site", "matrix", "text"],
        ["layer", "layer", "text", ({ layer }) => `${layer}`],
        ["frobenius", "‖ΔW‖", "share", ({ spectrum }) => spectrum.frobenius],
        ["first", "σ₁", "share", ({ spectrum }) => spectrum.singularValues[0]],
        ["second", "σ₂", "share", ({ spectrum }) => spectrum.singularValues[1]],
        ["last", "σ₈", "share", ({ spectrum }) => spectrum.singularValues.at(-1)],
        ["share", "energy in σ₁", "percent", (module) => 100 * topShare(module)],
        ["stableRank", "stable rank", "share", ({ spectrum }) => spectrum.stableRank],
        ["effectiveRank", "effective rank", "share", ({ spectrum }) => spectrum.effectiveRank],
      ],
      rows: modules,
    })],
  figures: [(modules) => {
    const shade = (layer: number) =>
      `rgb(${
        [86, 180, 233].map((dark, i) => dark + (layer / 11) * ([0, 38, 63][i] - dark)).join()
      })`;
    const [query, value] = sites.map((site) => `index, ${site}`);
    return {
      id: "authors-spectra",
      title: "Singular values of ΔW in the authors' adapter",
      caption:
        "A line for each of the 12 layers, from light (0) to dark (11). Left: query; right: value.",
      data: modules.map(({ site, layer, spectrum: { singularValues } }) => {
        const color = shade(layer), xaxis = site === "query" ? "x" : "x2";
        const marker = { color, size: 5 }, width = 1.5;
        return line([...singularValues], (_, i) => i + 1, (value) => value, { color, width }, {
          ...{ mode: "lines+markers", name: `layer ${layer}`, xaxis, showlegend: false, marker },
        });
      }),
      layout: baseLayout(axis(query, leftPanel), logAxis("singular value"), {
        xaxis2: axis(value, rightPanel),
      }),
    };
  }, (modules) => ({
    id: "authors-ranks",
    title: "Stable rank of ΔW over the layers",
    caption: "‖ΔW‖² / σ₁², from 1 to 8: how many directions carry the update's energy.",
    data: sites.map((name, i) =>
      line(
        ofSite(modules, name),
        ({ layer }) => layer,
        ({ spectrum }) => spectrum.stableRank,
        { color: palette.series[i] },
        { mode: "lines+markers", name },
      )
    ),
    layout: baseLayout(axis("layer", { dtick: 1 }), axis("stable rank", { range: [0.9, 8] })),
  })],
});
