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
|dW| is the Frobenius norm of the update dW = scaling B A, largest its first
singular value, and spectrum shows the first 16 beside that. Ranks: stable is
|dW|^2 / largest^2, effective the exponential of the entropy of the singular
values, 90% the directions that hold 90% of |dW|^2, suggested the least rank
that is within --error, and wasted what the adapter has beyond that. With
--base: |dW| / |W|, and the amplification factor |dW| / |U' W V| in the
directions of dW (Table 7 of the paper). Where the adapter says that a module
consists of sites, such as q and v in one weight, each is shown on its own, as
name:q, or name[first row:end] where the file keeps no roles. JSON has more.`;

/** Shows the updates of an adapter, module by module. */
export function addInspect(program: Command): void {
  program.command("inspect").description(
    "show the rank, norm and spectrum of every update of an adapter",
  )
    .argument("<adapter>", "PEFT folder")
    .option("--base <folder>", "Hugging Face folder of the base, to compare with", modelFolder)
    .option("--error <share>", "relative error that a suggested rank may have", share, 0.05)
    .addHelpText("after", help)
    .action(run);
}

async function run(folder: string, options: InspectOptions): Promise<void> {
  const rows = await describeAll(await readUpdates(folder, options), options);
  print(options, { modules: rows }, () => table(rows, columnsFor(options)));
}

/** One update at a time, so that one weight at a time is in memory. */
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

/** The first values as bars, the largest a full one. */
function bars(values: readonly number[]): string {
  const heights = "▁▂▃▄▅▆▇█";
  return values.slice(0, 16).map((value) => heights[Math.round(7 * value / (values[0] || 1))])
    .join("");
}
