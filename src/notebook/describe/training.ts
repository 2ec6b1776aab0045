/** A training, its history, and spectra while it trained. @module */

import type { DataTable, Figure } from "../../figures/figure.ts";
import { axis } from "../../figures/layout.ts";
import { plot } from "../../figures/plot.ts";
import { table } from "../../figures/table.ts";
import type { SiteSpectrum } from "../../adapt/mod.ts";
import {
  type LiveSpectra,
  sitesOverSteps,
  spectraFigure,
  trainingSpectrum,
} from "../../inspect/mod.ts";
import type { History, Training } from "../../train/mod.ts";
import type { Part } from "../part.ts";

/** The loss by step. */
export function historyFigure(history: History): Figure {
  const { steps, stopped } = history;
  const caption = `${steps} steps${stopped ? ", stopped before the end" : ""}`;
  return plot({ training: history }, { caption });
}

/** What is trained, and the losses so far. */
export function describeTraining({ description, history }: Training): Part[] {
  return history.steps === 0 ? [description] : [description, historyFigure(history)];
}

/** The spectrum of the first site over the steps, and the effective rank of every site. */
export async function describeLiveSpectra(spectra: LiveSpectra): Promise<Part[]> {
  const readings = await spectra.readings();
  if (readings.length === 0) {
    return ["no spectrum has been read: call observe(steps) after each step"];
  }
  const words = {
    id: "effective-ranks",
    title: "Effective rank of ΔW at every site during training",
    caption: "exp of the entropy of σᵢ / Σ σ.",
  };
  const ranks = sitesOverSteps(
    readings,
    words,
    axis("effective rank"),
    (site) => site.effectiveRank,
  );
  return [trainingSpectrum(readings, 0), ranks];
}

/** Spectra of several sites: one figure, and a row for each. */
export function describeSpectra(spectra: readonly SiteSpectrum[]): [Figure, DataTable] {
  const rows = table({
    id: "spectra-ranks",
    title: "Size and rank of every update",
    columns: [
      ["name", "site", "text"],
      ["frobenius", "‖ΔW‖", "share"],
      ["largest", "σ₁", "share", ({ singularValues: [largest] }: SiteSpectrum) => largest],
      ["stableRank", "stable rank", "share"],
      ["effectiveRank", "effective rank", "share"],
      ["energyRank90", "90% energy", "count"],
      ["aboveNoise", "above the noise edge", "count"],
    ],
    rows: spectra,
  });
  return [spectraFigure(spectra), rows];
}
