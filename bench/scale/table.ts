/** The exponents as Markdown. @module */

import { formatBytes } from "../../src/figures/mod.ts";
import {
  exponentOf,
  type Place,
  type Point,
  scaleOf,
  type ScaleResult,
  type Series,
  upperHalf,
} from "./result.ts";
import { sources } from "./count.ts";
import { sweepNamed, sweeps, type Work } from "./sweeps.ts";

/** Labels of series in pictures and tables. */
export const labels: Readonly<Record<`${Work} ${Series["variant"]}`, string>> = {
  "lora cpu": "LoRA, cpu",
  "lora blas": "LoRA, cpu with BLAS",
  "full cpu": "all weights, cpu",
  "full blas": "all weights, cpu with BLAS",
  "spectra cpu": "spectra, own code",
  "spectra blas": "spectra, LAPACK",
};

/** A curve of a series. */
export const placesOf = (
  { points }: Pick<Series, "points">,
  of: (point: Point) => number,
): Place[] => points.map((point) => [point.value, of(point)]);

/** The measured times, and theory's. */
export function timesOf(series: Series): { readonly measured: Place[]; readonly theory: Place[] } {
  const measured = placesOf(series, ({ ms }) => ms);
  const counted = placesOf(series, ({ count }) => count.flops), scale = scaleOf(measured, counted);
  return { measured, theory: counted.map(([n, flops]) => [n, flops * scale]) };
}

/** The time at the smallest value by theory's. */
function excessOf(series: Series): number {
  const { measured: [[, ms]], theory: [[, expected]] } = timesOf(series);
  return ms / expected;
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const number = (value: number, digits = 3) =>
  value >= 1000 ? value.toFixed(0) : value.toPrecision(digits);

/** A table; columns after the first two are numbers. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map((_, i) => i < 2 ? "---" : "--:")), ...rows.map(row)].join("\n");

const labelOf = ({ work, variant }: Series) => labels[`${work} ${variant}`];

const nameOf = ({ sweep, points }: Series) =>
  `${sweepNamed(sweep).quantity}, ${points[0].value} to ${points.at(-1)!.value}`;

function timeRow(series: Series): string[] {
  const { points, sweep } = series, last = points.at(-1)!, [first] = points;
  const exponent = (of: (point: Point) => number) => exponentOf(placesOf(series, of)).toFixed(2);
  return [
    ...[nameOf(series), labelOf(series), exponent(({ ms }) => ms)],
    ...[exponent(({ count }) => count.flops), exponent(({ count }) => count.formulaFlops)],
    ...[`${sweepNamed(sweep).limits.time}`, number(first.ms), number(last.ms)],
    ...[number(last.count.flops / last.ms / 1e6), `${number(excessOf(series))}`],
    `${last.count.step?.launches ?? "–"}`,
  ];
}

/** Bytes are the same on both devices, so one row stands for them; `resident` is with BLAS. */
function bytesRow(series: Series): string[] {
  const { points, sweep, resident } = series, last = points.at(-1)!, [first] = points;
  const exponent = (of: (point: Point) => number) => exponentOf(placesOf(series, of)).toFixed(2);
  const isClosed = points.every(({ count: { step } }) => step!.formulaBytes !== undefined);
  return [
    ...[nameOf(series), series.work === "lora" ? "LoRA" : "all weights"],
    exponent(({ bytes }) => bytes!.peak),
    isClosed ? exponent(({ count }) => count.step!.formulaBytes!) : "–",
    ...[`${sweepNamed(sweep).limits.bytes}`, exponent(({ bytes }) => bytes!.trained)],
    ...[formatBytes(first.bytes!.peak), formatBytes(last.bytes!.peak)],
    resident ? formatBytes(resident) : "–",
  ];
}

/** Names the points that have other bytes than theory says. */
export function differences(
  series: readonly Series[],
): { dry: string[]; closed: string[]; without: number } {
  const all = series.flatMap((own) =>
    own.points.flatMap(({ value, bytes, count: { step } }) =>
      bytes && step ? [{ name: `${own.sweep} ${value}, ${labelOf(own)}`, bytes, step }] : []
    )
  );
  const names = (kept: typeof all) => kept.map(({ name }) => name);
  return {
    dry: names(
      all.filter(({ bytes, step }) =>
        bytes.peak !== step.bytes.peak || bytes.trained !== step.bytes.trained
      ),
    ),
    closed: names(
      all.filter(({ bytes, step: { formulaBytes } }) =>
        formulaBytes !== undefined && formulaBytes !== bytes.peak
      ),
    ),
    without: all.filter(({ step }) => step.formulaBytes === undefined).length,
  };
}

function bytesLine(series: readonly Series[]): string {
  const { dry, closed, without } = differences(series);
  const count = series.filter(({ work }) => work !== "spectra")
    .reduce((sum, { points }) => sum + points.length, 0);
  const say = (what: string, of: number, names: string[]) =>
    names.length === 0
      ? `The ledger's peak is ${what} to the byte at all ${of} points.`
      : `The ledger's peak is NOT ${what} at ${names.length} of ${of} points: ${
        names.slice(0, 3).join("; ")
      }, ….`;
  return [
    say("what `dry` predicts", count, dry),
    say("that of the closed formulas (`gpt2StepBytes`)", count - without, closed),
  ].join(" ");
}

/** Exponents of time and bytes beside theory's, ends of the sweeps, and whether the bytes agree. */
export function scaleTable(result: ScaleResult): string {
  const { series, devices, rounds } = result;
  const steps = series.filter(({ work }) => work !== "spectra");
  const [example] = series, used = upperHalf(placesOf(example, ({ ms }) => ms));
  return [
    `# How time and memory grow, ${result.date}, Deno ${result.deno}`,
    [result.machine, result.note].filter(Boolean).join(". "),
    Object.entries(devices).map(([name, device]) => `- ${name}: ${device}`).join("\n"),
    `An exponent is the slope of the straight line through the logarithms, by least squares, over the upper half of ` +
    `a sweep: the values from the geometric mean of its ends on, for ${
      sweepNamed(example.sweep).quantity
    } ` +
    `${
      used.map(([n]) => n).join(", ")
    }. Times are the least of ${rounds} processes. "Launched" is the same fit to ` +
    `the multiplications and additions of all kernels of the step (\`Kernel.flops\` on \`dry\`; of spectra: ` +
    `${sources.spectra}), "formula" to \`${sources.lora}\` or \`${sources.full}\` times tokens, which leave out ` +
    `attention's products, and "limit" is the exponent once this quantity has outgrown all others. "Excess" is the ` +
    `time at the smallest value by that of its launched arithmetic at the mean speed of the upper half.`,
    "## Time",
    table([
      ...[
        "quantity",
        "contender",
        "time n^",
        "launched n^",
        "formula n^",
        "limit n^",
        "ms, smallest",
      ],
      ...["ms, largest", "GFLOP/s, largest", "excess, smallest", "launches, largest"],
    ], series.map(timeRow)),
    "## Memory",
    bytesLine(steps) +
    ` "Of it trained" is what is trained with its gradients and moments, "resident" the process's own ` +
    "peak with the program and all that it imports, as Linux reports it.",
    table([
      ...["quantity", "trained", "peak n^", "gpt2StepBytes n^", "limit n^", "of it trained n^"],
      ...["peak, smallest", "peak, largest", "resident, largest"],
    ], steps.filter(({ variant }) => variant === "blas").map(bytesRow)),
  ].join("\n\n") + "\n";
}

/** The sweeps that a result has, in the order of the panels. */
export const presentSweeps = ({ series }: ScaleResult) =>
  sweeps.filter(({ name }) => series.some(({ sweep }) => sweep === name));
