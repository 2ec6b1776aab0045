/** `lowrank inspect`. @module */

import type { Command } from "./commander.ts";
import {
  describeUpdate,
  type LowRankUpdate,
  openBaseWeights,
  type UpdateRow,
} from "../inspect/mod.ts";
import { modelFolder, share } from "./arguments.ts";
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
  largest    largest singular value
  spectrum   first 16 singular values, as bars
  stable     stable rank, |dW|^2 / largest^2
  effective  effective rank, exp of the entropy of the singular values
  90%        number of directions that hold 90% of |dW|^2
  suggested  lowest rank whose relative error is at most --error
  wasted     rank of the adapter beyond the suggested one
With --base also:
  |dW| / |W|  size of the update relative to the weight
  factor      amplification |dW| / |U' W V| in the directions of dW (Table 7)

If the adapter has several sites in one weight, such as q and v, each has a row,
named name:q, or name[first row:end] if the file does not name the sites. --json
prints more.`;

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
  const rows = await describeAll(await readUpdates(folder, options), options);
  print(options, { modules: rows }, () => table(rows, columnsFor(options)));
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

function columnsFor({ base }: InspectOptions): Column<UpdateRow>[] {
  const columns: Column<UpdateRow>[] = [
    ["module", ({ name }) => name],
    ["rank", ({ rank }) => rank],
    ["scaling", ({ scaling }) => scaling],
    ["|dW|", ({ frobenius }) => frobenius.toPrecision(4)],
    ["largest", ({ singularValues }) => singularValues[0].toPrecision(4)],
    ["spectrum", ({ singularValues }) => bars(singularValues)],
    ["stable", ({ stableRank }) => stableRank.toFixed(2)],
    ["effective", ({ effectiveRank }) => effectiveRank.toFixed(2)],
    ["90%", ({ energyRank90 }) => energyRank90],
    ["suggested", ({ suggestedRank }) => suggestedRank],
    ["wasted", ({ wastedRank }) => wastedRank],
  ];
  if (base === undefined) return columns;
  return [
    ...columns,
    ["|dW| / |W|", ({ relativeNorm }) => relativeNorm!.toExponential(2)],
    ["factor", ({ amplification }) => amplification!.factor.toPrecision(3)],
  ];
}

/** The first values as bars; the largest is a full bar. */
function bars(values: readonly number[]): string {
  const heights = "▁▂▃▄▅▆▇█";
  return values.slice(0, 16).map((value) => heights[Math.round(7 * value / (values[0] || 1))])
    .join("");
}
