/** Spectra of an adapter from a reader's disk. @module */

import { AdapterFileError } from "../../src/core/errors.ts";
import { boundsOf, fromTo, howMany } from "../../src/core/numbers.ts";
import { type SiteSpectrum, spectraOf } from "../adapter.ts";
import { element } from "../dom.ts";
import { escaped } from "../draw/escaped.ts";
import { fillChart, type SizelessChart } from "../draw/fill.ts";

/** Spectra that are shown. */
let shown: readonly SiteSpectrum[] = [];

/** Number of questions so far: only the newest is answered. */
let asked = 0;

/** Reads files and shows what they hold, site by site. */
export async function showAdapter(files: readonly File[]): Promise<void> {
  const question = ++asked, isNewest = () => question === asked;
  element("adapter-said").textContent = "Reading …";
  let sites: readonly SiteSpectrum[] = [], said: string;
  try {
    sites = await readSites(files, isNewest);
    said = summary(sites);
  } catch (error) {
    said = `Not read: ${whyNot(files, error as Error)}.`;
  }
  if (isNewest()) show(sites, said);
}

const needed = ["adapter_config.json", "adapter_model.safetensors"];

/** Names the files that are missing, or repeats the library. */
function whyNot(files: readonly File[], error: Error): string {
  const missing = needed.filter((name) => !files.some((file) => file.name === name));
  const [{ name } = { name: "" }] = files.filter(({ name }) => name.endsWith(".bin"));
  if (missing.length > 0 && name !== "") {
    return `${name} is a pickle, which can run code; save the adapter as ${needed[1]}`;
  }
  if (missing.length === 1) {
    return `one file is missing, ${missing[0]}; choose both together, or drop their folder`;
  }
  if (missing.length === 2) return `an adapter is two files, ${needed.join(" and ")}`;
  return error instanceof AdapterFileError ? error.reason : error.message;
}

/** Reads until something newer is asked. */
async function readSites(
  files: readonly File[],
  isNewest: () => boolean,
): Promise<readonly SiteSpectrum[]> {
  const sites: SiteSpectrum[] = [], progress = element("adapter-progress");
  for await (const site of spectraOf(files)) {
    if (!isNewest()) break;
    sites.push(site);
    progress.textContent = howMany(sites.length, "site"); // Which a screen reader does not count aloud.
    await new Promise((resolve) => setTimeout(resolve)); // The page stays alive.
  }
  return sites;
}

function show(sites: readonly SiteSpectrum[], said: string): void {
  element("adapter-said").textContent = said;
  element("adapter-progress").textContent = "";
  shown = sites;
  element("adapter-found").hidden = sites.length === 0;
  offerSites(sites);
  drawAdapter();
  element("adapter-table").innerHTML = head + `<tbody>${sites.map(row).join("")}</tbody>`;
}

/** A list of the sites, at the one whose update is largest. */
function offerSites(sites: readonly SiteSpectrum[]): void {
  const list = element("adapter-site");
  // Names come from a file.
  list.innerHTML = sites.map(({ name }, i) => `<option value="${i}">${escaped(name)}</option>`)
    .join("");
  list.value = String(
    sites.reduce((most, { frobenius }, i) => frobenius > sites[most].frobenius ? i : most, 0),
  );
  list.onchange = drawAdapter;
}

/** Draws the chart, also in another size. */
export function drawAdapter(): void {
  if (shown.length === 0) return;
  const front = Number(element("adapter-site").value), { name, singularValues } = shown[front];
  const values = singularValues.slice(0, 4).map((value) => value.toPrecision(3)).join(", ");
  const label = `Singular values of ${
    howMany(shown.length, "site")
  }; those of ${name} begin ${values}`;
  fillChart("adapter-chart", label, sitesChart(shown, front));
}

function summary(sites: readonly SiteSpectrum[]): string {
  const ranks = fromTo(sites.map(({ energyRank90 }) => energyRank90), 0);
  return `${howMany(sites.length, "site")}. Directions that hold 90% of a site's ‖ΔW‖²: ${ranks}.`;
}

/** A line for each site, one of them in front; an update that is zero has none. */
export function sitesChart(sites: readonly SiteSpectrum[], front = 0): SizelessChart {
  const lines = sites.map(({ singularValues }) =>
    singularValues.filter((value) => value > 0).map((value, i) => [i + 1, value] as const)
  );
  const values = lines.flat().map(([, value]) => value);
  const [lowest, most] = values.length > 0 ? boundsOf(values) : [1, 1];
  const least = Math.max(lowest, 1e-6 * most);
  const [, longest] = boundsOf(lines.map((line) => line.length));
  return {
    lines: [{ role: "lora", lines }, { role: "picked", lines: lines.slice(front, front + 1) }],
    marks: [],
    x: [1, Math.max(2, longest)],
    y: [least / 1.2, 1.2 * most],
    log: true,
    names: ["number of the singular value", "singular value, log scale"],
  };
}

const columns = [
  ...["rank", "‖ΔW‖", "σ₁", "stable rank", "effective rank"],
  ...["directions for 90%", "for 99%"],
];

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
