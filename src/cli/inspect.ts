/** `lowrank inspect`. @module */

import type { Command } from "./commander.ts";
import { type Amplification, amplification, rankForError, spectrum } from "../analysis/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { RowRange } from "../core/row_range.ts";
import { modelFolder, share } from "./arguments.ts";
import { openBaseWeights } from "./base_weights.ts";
import { type CommonOptions, print } from "./common.ts";
import { type Column, table } from "./table.ts";
import { readModules, type Update, updatesOf } from "./updates.ts";

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
name[first row:end]. JSON has more.`;

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
  const modules = (await readModules(folder, options)).flatMap(updatesOf);
  const against = options.base === undefined
    ? modules.map(() => undefined)
    : await compareWithBase(modules, options.base, options.seed);
  const rows = modules.map((module, i) => describe(module, options.error, against[i]));
  print(options, { modules: rows }, () => table(rows, columnsFor(options)));
}

/** One update at a time, so that one weight at a time is in memory. */
async function compareWithBase(
  updates: readonly Update[],
  base: string,
  seed: number,
): Promise<Amplification[]> {
  using weights = await openBaseWeights(base);
  const found: Amplification[] = [];
  for (const update of updates) {
    const weight = await weights.weightOf(update.module);
    found.push(amplification(update, rowsOf(weight, update.rows), { seed }));
  }
  return found;
}

/** Some rows of a weight, where they are said. */
function rowsOf(weight: HostTensor, rows: RowRange | undefined): HostTensor {
  if (!rows) return weight;
  const { start, count } = rows, [, columns] = weight.shape;
  const data = weight.data.subarray(start * columns, (start + count) * columns);
  return { shape: [count, columns], data };
}

type Row = ReturnType<typeof describe>;

function describe(module: Update, error: number, against: Amplification | undefined) {
  const { name, rank, scaling } = module, found = spectrum(module);
  const suggestedRank = rankForError(found.singularValues, error);
  const wastedRank = rank - suggestedRank;
  const beside = against && {
    relativeNorm: against.deltaNorm / against.weightNorm,
    amplification: against,
  };
  return { name, rank, scaling, ...found, suggestedRank, wastedRank, ...beside };
}

function columnsFor({ base }: InspectOptions): Column<Row>[] {
  const columns: Column<Row>[] = [
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
