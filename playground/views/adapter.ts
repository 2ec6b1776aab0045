/** Spectra of an adapter from a reader's disk. @module */

import { boundsOf, fromTo } from "../../src/core/numbers.ts";
import { type SiteSpectrum, spectraOf } from "../adapter.ts";
import { element } from "../dom.ts";
import { escaped } from "../draw/escaped.ts";
import { fillChart, type SizelessChart } from "../draw/fill.ts";

/** What is shown. */
let shown: readonly SiteSpectrum[] = [];

/** Reads files and shows what they hold, site by site. */
export async function showAdapter(files: readonly File[]): Promise<void> {
  const sites: SiteSpectrum[] = [];
  try {
    for await (const site of spectraOf(files)) {
      sites.push(site);
      element("adapter-said").textContent = `Read ${sites.length} sites …`;
      await new Promise((resolve) => setTimeout(resolve)); // The page stays alive.
    }
    element("adapter-said").textContent = summary(sites);
  } catch (error) {
    sites.length = 0;
    element("adapter-said").textContent = `Not read: ${(error as Error).message}.`;
  }
  shown = sites;
  element("adapter-found").hidden = sites.length === 0;
  drawAdapter();
  element("adapter-table").innerHTML = head + `<tbody>${sites.map(row).join("")}</tbody>`;
}

/** Draws the chart, also in another size. */
export function drawAdapter(): void {
  if (shown.length === 0) return;
  fillChart("adapter-chart", `Singular values of ${shown.length} sites`, sitesChart(shown));
}

function summary(sites: readonly SiteSpectrum[]): string {
  const ranks = fromTo(sites.map(({ energyRank90 }) => energyRank90), 0);
  return `${sites.length} sites, of whose directions ${ranks} hold 90% of ‖ΔW‖².`;
}

/** A line for each site; an update that is zero has none. */
export function sitesChart(sites: readonly SiteSpectrum[]): SizelessChart {
  const lines = sites.map(({ singularValues }) =>
    singularValues.filter((value) => value > 0).map((value, i) => [i + 1, value] as const)
  );
  const values = lines.flat().map(([, value]) => value);
  const [lowest, most] = values.length > 0 ? boundsOf(values) : [1, 1];
  const least = Math.max(lowest, 1e-6 * most);
  const [, longest] = boundsOf(lines.map((line) => line.length));
  return {
    lines: [{ role: "lora", lines }],
    marks: [],
    x: [1, Math.max(2, longest)],
    y: [least / 1.2, 1.2 * most],
    log: true,
    names: ["place", "singular value, log scale"],
  };
}

const columns = ["rank", "norm", "σ₁", "stable rank", "effective rank", "90%", "99%"];

const head = `<thead><tr><th scope="col">site</th>${
  columns.map((name) => `<th scope="col">${name}</th>`).join("")
}</tr></thead>`;

function row({ name, rank, ...found }: SiteSpectrum): string {
  const { frobenius, singularValues: [first], stableRank, effectiveRank } = found;
  const numbers = [frobenius, first, stableRank, effectiveRank].map((value) =>
    value.toPrecision(3)
  );
  const cells = [rank, ...numbers, found.energyRank90, found.energyRank99];
  // Names come from a file.
  return `<tr><th scope="row">${escaped(name)}</th>${
    cells.map((cell) => `<td>${cell}</td>`).join("")
  }</tr>`;
}
