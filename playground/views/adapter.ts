/** Spectra of an adapter from a reader's disk. @module */

import { type SiteSpectrum, spectraOf } from "../adapter.ts";
import { element } from "../dom.ts";
import { escaped } from "../draw/escaped.ts";
import { fillChart } from "../draw/fill.ts";

/** Reads files and shows what they hold, site by site. */
export async function showAdapter(files: readonly File[]): Promise<void> {
  const sites: SiteSpectrum[] = [];
  try {
    for await (const site of spectraOf(files)) {
      sites.push(site);
      element("adapter-said").textContent = `Read ${sites.length} of ${site.count} sites …`;
      await new Promise((resolve) => setTimeout(resolve)); // The page stays alive.
    }
    element("adapter-said").textContent = summary(sites);
  } catch (error) {
    sites.length = 0;
    element("adapter-said").textContent = `Not read: ${(error as Error).message}.`;
  }
  element("adapter-found").hidden = sites.length === 0;
  if (sites.length > 0) draw(sites);
}

function summary(sites: readonly SiteSpectrum[]): string {
  const ranks = sites.map(({ energyRank90 }) => energyRank90);
  const [least, most] = [Math.min(...ranks), Math.max(...ranks)];
  const range = least === most ? `${least}` : `${least} to ${most}`;
  return `${sites.length} sites, of whose directions ${range} hold 90% of ‖ΔW‖².`;
}

function draw(sites: readonly SiteSpectrum[]): void {
  const lines = sites.map(({ singularValues }) =>
    singularValues.filter((value) => value > 0).map((value, i) => [i + 1, value] as const)
  );
  const values = lines.flat().map(([, value]) => value), most = Math.max(...values);
  const least = Math.max(Math.min(...values), 1e-6 * most);
  const longest = Math.max(...lines.map((line) => line.length));
  fillChart("adapter-chart", `Singular values of ${sites.length} sites`, {
    lines: [{ role: "lora", lines }],
    marks: [],
    x: [1, Math.max(2, longest)],
    y: [least / 1.2, 1.2 * most],
    log: true,
    names: ["place", "singular value, log scale"],
  });
  element("adapter-table").innerHTML = head + `<tbody>${sites.map(row).join("")}</tbody>`;
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
