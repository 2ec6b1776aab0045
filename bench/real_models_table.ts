/** Output of `deno task bench:real`. @module */

import type { Cell, RealReport } from "./real_models.ts";

/** Largest difference of logits or losses, relative to the largest of them. */
const tolerance = 1e-4;

/**
 * The same where PyTorch computes in bf16, whose numbers have 8 bits: from one to the next it is 2⁻⁷. Ours computes
 * in F32 with the same weights, and is compared with PyTorch doing so.
 */
const halfTolerance = 2 ** -7;

/** The largest difference of a report's logits or losses from others, relative to the largest of those. */
function differenceOf({ checks }: RealReport, wanted: RealReport): number {
  const values = checks.flat(), others = wanted.checks.flat();
  if (values.length !== others.length) return Infinity;
  const worst = Math.max(...values.map((x, i) => Math.abs(x - others[i])));
  return worst / Math.max(...others.map(Math.abs));
}

/** The largest difference of a contender in all rounds, from ours or from what is there to compare with. */
function worstOf({ reports, widened }: Cell, contender: string): number {
  const wanted = widened ?? reports.get("ours")![0];
  return Math.max(...reports.get(contender)!.map((report) => differenceOf(report, wanted)));
}

const isOurs = (contender: string) => contender.startsWith("ours");

/** Throws where a contender found other numbers: a step that computes something else is no comparison. */
export function assertAgreement(cell: Cell): void {
  for (const contender of cell.reports.keys()) {
    const most = cell.widened && !isOurs(contender) ? halfTolerance : tolerance;
    const worst = worstOf(cell, contender);
    if (worst <= most) continue;
    throw new Error(`${cell.name}: ${contender} must agree to ${most}, found ${worst}`);
  }
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

/** Times of steps that do the same: of each batch in all rounds, or of all where every batch is the same. */
function timesOf(reports: readonly RealReport[], labels: readonly number[]): number[][] {
  const [{ ms }] = reports;
  const groups = labels.length > 1
    ? ms.map((_, step) => reports.map((report) => report.ms[step]))
    : [reports.flatMap(({ ms }) => ms)];
  return groups.map((times) => times.toSorted((a, b) => a - b));
}

/**
 * Summary of all rounds of a contender; where batches differ, the mean over them of the least and
 * the median.
 */
function summaryOf({ labels, reports }: Cell, contender: string) {
  const own = reports.get(contender)!, times = timesOf(own, labels);
  const most = (key: "importedBytes" | "loadedBytes" | "peakBytes") =>
    Math.max(...own.map((report) => report[key]));
  const [imported, loaded, peak] = [most("importedBytes"), most("loadedBytes"), most("peakBytes")];
  const least = mean(times.map((some) => some[0]));
  const median = mean(times.map((some) => some[some.length >> 1]));
  return { least, median, imported, loaded, peak };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const ratio = (x: number, y: number) => (x / y).toFixed(2);

/** One row for each contender; ratios are ours by theirs, so that below 1 ours is faster or smaller. */
function rowsOf(cell: Cell): string[] {
  const { name, fileBytes, labels } = cell, ours = summaryOf(cell, "ours");
  return Array.from(cell.reports.keys(), (contender) => {
    const own = summaryOf(cell, contender), steps = 1000 / own.least;
    return row([
      ...[name, contender, own.least.toFixed(0), own.median.toFixed(0)],
      ...[ratio(ours.least, own.least), ratio(ours.median, own.median)],
      ...[steps.toFixed(2), labels.length > 0 ? (steps * mean(labels)).toFixed(0) : "–"],
      ...[megabytes(own.peak), megabytes(own.peak - own.imported), ratio(ours.peak, own.peak)],
      ratio(ours.peak - ours.imported, own.peak - own.imported),
      ratio(own.loaded - own.imported, fileBytes),
    ]);
  });
}

const head = [
  ...["case", "contender", "least ms", "median ms", "ours by it, least", "ours by it, median"],
  ...["steps/s", "labels/s"],
  ...["peak MB", "without imports", "ours by it", "ours by it, without imports", "load by file"],
];

/** `1.42 times as fast as torch sdpa (1.40 by medians) at 0.48 of its peak memory`. */
function besides(cell: Cell, contender: string): string {
  const [ours, own] = ["ours", contender].map((name) => summaryOf(cell, name));
  const [least, median] = [ratio(own.least, ours.least), ratio(own.median, ours.median)];
  const memory = `at ${ratio(ours.peak, own.peak)} of its peak memory`;
  return `${least} times as fast as ${contender} (${median} by medians) ${memory}`;
}

/** PyTorch's two attentions by name; the faster of them counts. */
const attentions = ["torch eager", "torch sdpa"];

/** A sentence for each case: beside the faster attention, then beside the others, and how far losses differ. */
function sentenceOf(cell: Cell): string {
  const leastOf = (name: string) => summaryOf(cell, name).least;
  const known = [...cell.reports.keys()];
  const [fastest] = known.filter((name) => attentions.includes(name))
    .toSorted((a, b) => leastOf(a) - leastOf(b));
  const others = known.filter((name) => name !== "ours" && !attentions.includes(name));
  const all = [fastest, ...others].map((name) => besides(cell, name)).join("; ");
  const differences = known.filter((name) => name !== "ours" || cell.widened)
    .map((name) => `${name} ${worstOf(cell, name).toExponential(1)}`);
  const from = cell.widened ? "from PyTorch in F32 with the same weights" : "from ours";
  return `- ${cell.name}: ${all}; differences ${from}: ${differences.join(", ")}`;
}

/** Every case and contender as a Markdown table, under the names of what computed, and a list of what it says. */
export function tableOf(cells: readonly Cell[]): string {
  const devices = new Set(
    cells.flatMap(({ reports }) => Array.from(reports.values(), ([{ device }]) => device)),
  );
  const rule = head.map((_, i) => i < 2 ? "---" : "--:");
  return [
    ...[[...devices].join("; "), "", row(head), row(rule), ...cells.flatMap(rowsOf), ""],
    ...cells.map(sentenceOf),
  ].join("\n");
}
