/** `lowrank inspect`. @module */

import type { Command } from "./commander.ts";
import {
  describeUpdate,
  type LowRankUpdate,
  openBaseWeights,
  type UpdateRow,
} from "../inspect/mod.ts";
import { shortNames } from "../inspect/updates.ts";
import { digits } from "../core/numbers.ts";
import { summaryOf } from "./adapter_summary.ts";
import { modelFolder, share } from "./arguments.ts";
import { call } from "./call.ts";
import { type CommonOptions, print } from "./common.ts";
import { type Column, table } from "./table.ts";
import { readUpdates } from "./updates.ts";

interface InspectOptions extends CommonOptions {
  readonly base?: string;
  readonly error: number;
}

const help = `
Columns:
  |dW|       Frobenius norm of the update dW = scaling B A
  largest    largest singular value; left out with --base
  spectrum   first 8 singular values, as bars
  stable     stable rank, |dW|^2 / largest^2
  effective  effective rank, exp of the entropy of the singular values
  90%        number of directions that hold 90% of |dW|^2
  needed     lowest rank whose relative error is at most --error
With --base also:
  |dW|/|W|   size of the update relative to the weight
  factor     amplification |dW| / |U' W V| in the directions of dW (Table 7)

If the adapter has several sites in one weight, such as q and v, each has a row,
named name:q, or name[first row:end] if the file does not name the sites. --json
prints more, with full names.`;

/** Adds `inspect`, which describes the updates of an adapter one by one. */
export function addInspect(program: Command): void {
  program.command("inspect").description(
    "show rank, norm and spectrum of every update in an adapter",
  )
    .argument("<adapter>", "PEFT folder")
    .option("--base <folder>", "Hugging Face folder of the base model to compare with", modelFolder)
    .option("--error <share>", "relative error allowed for the suggested rank", share, 0.05)
    .addHelpText("after", help)
    .action(run);
}

async function run(folder: string, options: InspectOptions): Promise<void> {
  const adapter = await readUpdates(folder, options);
  const rows = await describeAll(adapter.updates, options);
  print(options, { modules: rows }, () =>
    [
      summaryOf(adapter),
      table(withShortNames(rows), columnsFor(options)),
      legendOf(options),
    ].join("\n\n"));
}

/** Goes through the updates one by one, so that only one base weight is in memory. */
async function describeAll(
  updates: readonly LowRankUpdate[],
  { base, error, seed }: InspectOptions,
): Promise<UpdateRow[]> {
  using weights = base === undefined ? undefined : await openBaseWeights(base);
  const rows: UpdateRow[] = [];
  for (const update of updates) {
    rows.push(describeUpdate(update, { error, seed, weight: await weights?.weightOf(update) }));
  }
  return rows;
}

/** What every name begins with is in the summary. */
function withShortNames(rows: readonly UpdateRow[]): UpdateRow[] {
  const names = shortNames(rows.map(({ name }) => name));
  return rows.map((row, i) => ({ ...row, name: names[i] }));
}

function columnsFor({ base }: InspectOptions): Column<UpdateRow>[] {
  const largest: Column<UpdateRow> = [
    "largest",
    ({ singularValues }) => digits(singularValues[0], 4),
  ];
  const columns: Column<UpdateRow>[] = [
    ["site", ({ name }) => name],
    ["rank", ({ rank }) => rank],
    ["|dW|", ({ frobenius }) => digits(frobenius, 4)],
    ...(base === undefined ? [largest] : []),
    ["spectrum", ({ singularValues }) => bars(singularValues)],
    ["stable", ({ stableRank }) => stableRank.toFixed(2)],
    ["effective", ({ effectiveRank }) => effectiveRank.toFixed(2)],
    ["90%", ({ energyRank90 }) => energyRank90],
    ["needed", ({ suggestedRank }) => suggestedRank],
  ];
  if (base === undefined) return columns;
  return [
    ...columns,
    ["|dW|/|W|", ({ relativeNorm }) => digits(relativeNorm!, 3)],
    ["factor", ({ amplification }) => digits(amplification!.factor, 3)],
  ];
}

/** What the columns mean, in a few lines. */
function legendOf({ base, error }: InspectOptions): string {
  return [
    "|dW|: size of the update; spectrum: its first 8 singular values; stable, effective: how many",
    "directions matter, by two measures; 90%: how many hold 90% of |dW|^2; needed: lowest rank within",
    `${Number(digits(100 * error, 3))}% of the update. Formulas: ${call} inspect --help`,
    ...base === undefined
      ? []
      : ["factor: how much the update amplifies what W does in the update's directions (Table 7)"],
  ].join("\n");
}

/** The first values as bars; the largest is a full bar. */
function bars(values: readonly number[]): string {
  const heights = "▁▂▃▄▅▆▇█";
  return values.slice(0, 8).map((value) => heights[Math.round(7 * value / (values[0] || 1))])
    .join("");
}
