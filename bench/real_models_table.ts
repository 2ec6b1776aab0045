/** What `deno task bench:real` prints. @module */

import type { Cell, RealReport } from "./real_models.ts";

/** Largest difference of logits or losses, relative to the largest of them. */
const tolerance = 1e-4;

/** Throws where a contender found other numbers: a step that computes something else is no comparison. */
export function assertAgreement({ name, reports }: Cell): void {
  const [[first]] = reports.values(), wanted = first.checks.flat();
  const largest = Math.max(...wanted.map(Math.abs));
  for (const [contender, found] of reports) {
    for (const { checks } of found) {
      const values = checks.flat(),
        worst = Math.max(...values.map((x, i) => Math.abs(x - wanted[i])));
      if (values.length === wanted.length && worst <= tolerance * largest) continue;
      throw new Error(`${name}: ${contender} must agree to ${tolerance}, found ${worst / largest}`);
    }
  }
}

/** Of all rounds of a contender. */
function summaryOf(reports: readonly RealReport[]) {
  const ms = reports.flatMap(({ ms }) => ms).sort((a, b) => a - b);
  const most = (key: "importedBytes" | "loadedBytes" | "peakBytes") =>
    Math.max(...reports.map((report) => report[key]));
  const [imported, loaded, peak] = [most("importedBytes"), most("loadedBytes"), most("peakBytes")];
  return { least: ms[0], median: ms[ms.length >> 1], imported, loaded, peak };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** One row for each contender; ratios are ours by theirs, so that below 1 ours is faster or smaller. */
function rowsOf({ name, fileBytes, reports }: Cell): string[] {
  const ours = summaryOf(reports.get("ours")!);
  return Array.from(reports, ([contender, found]) => {
    const own = summaryOf(found), ratio = (x: number, y: number) => (x / y).toFixed(2);
    return row([
      ...[name, contender, own.least.toFixed(0), own.median.toFixed(0)],
      ...[ratio(ours.least, own.least), ratio(ours.median, own.median)],
      ...[megabytes(own.peak), megabytes(own.peak - own.imported), ratio(ours.peak, own.peak)],
      ratio(ours.peak - ours.imported, own.peak - own.imported),
      ratio(own.loaded - own.imported, fileBytes),
    ]);
  });
}

const head = [
  ...["workload", "contender", "least ms", "median ms", "ours by it, least", "ours by it, median"],
  ...["peak MB", "without imports", "ours by it", "ours by it, without imports", "load by file"],
];

/** Every workload and contender as a Markdown table, under the names of what computed. */
export function tableOf(cells: readonly Cell[]): string {
  const devices = Array.from(cells[0].reports.values(), ([{ device }]) => device);
  const rule = head.map((_, i) => i < 2 ? "---" : "--:");
  return [devices.join("; "), "", row(head), row(rule), ...cells.flatMap(rowsOf)].join("\n");
}
