/** `lowrank resize`. @module */

import type { Command } from "./commander.ts";
import {
  energyRank,
  type Factors,
  type TruncatedUpdate,
  truncateUpdate,
  updateSingularValues,
} from "../analysis/mod.ts";
import {
  type AdapterModule,
  type AdapterWeights,
  blockAdapter,
  readAdapter,
  writeAdapter,
} from "../formats/mod.ts";
import { type Update, updatesOf } from "../inspect/mod.ts";
import { positiveNumber, share } from "./arguments.ts";
import { type CommonOptions, print } from "./common.ts";
import { assertNoOtherKind, assertOtherFolder } from "./model_folder.ts";
import { table } from "./table.ts";

interface ResizeOptions extends CommonOptions {
  readonly rank?: number;
  readonly energy?: number;
  readonly output: string;
}

const help = `
Every update becomes the nearest one of its new rank, which no other adapter of
that rank can beat. error is |dW - dW'| / |dW|, Frobenius norms. --energy keeps
in each update as many directions as hold that share of |dW|^2, at least one;
--rank gives all of them the same rank, or their own where that is lower. Where
the adapter says that a module consists of sites, such as q and v in one weight,
each site, name[first row:end], is an update of its own.`;

/** Writes an adapter of lower rank. */
export function addResize(program: Command): void {
  program.command("resize").description("write an adapter of lower rank, as near as can be")
    .argument("<adapter>", "PEFT folder")
    .option("--rank <r>", "rank of every update", positiveNumber)
    .option("--energy <share>", "share of |dW|^2 to keep in every update", share)
    .requiredOption("--output <folder>", "PEFT folder to write")
    .addHelpText("after", help)
    .action(run);
}

async function run(folder: string, options: ResizeOptions): Promise<void> {
  const { rank, energy, output } = options;
  if ((rank === undefined) === (energy === undefined)) {
    throw new RangeError(`resize needs --rank or --energy, found ${rank ? "both" : "neither"}`);
  }
  await assertOtherFolder(folder, output);
  await assertNoOtherKind(output, "adapter");
  const { config, modules } = await readAdapter(folder);
  const resized = modules.map((module) => {
    const updates = updatesOf(module).map((update) => {
      return { ...update, resized: truncateUpdate(update, rank ?? rankFor(update, energy!)) };
    });
    return { updates, module: joined(module, updates) };
  });
  const { baseModelName, taskType, fanInFanOut, dropout } = config;
  await writeAdapter(output, {
    ...{ baseModelName, taskType, fanInFanOut, dropout },
    modules: resized.map(({ module }) => module),
  });
  const rows = resized.flatMap(({ updates }) => updates.map(rowOf));
  print(options, { modules: rows }, () => `${describe(rows)}\n\nwrote the adapter to ${output}`);
}

interface ResizedUpdate extends Update {
  readonly resized: TruncatedUpdate;
}

/** A module of its updates at their new ranks. */
function joined(
  { name, B, sites }: AdapterModule,
  updates: readonly ResizedUpdate[],
): AdapterWeights {
  if (!sites) return { name, ...updates[0].resized };
  const blocks = updates.map(({ resized }, i) => ({ ...resized, rows: sites[i].rows }));
  return { name, ...blockAdapter(blocks, B.shape[0]), sites: blocks };
}

function rowOf({ name, rank: before, resized: { rank, error } }: ResizedUpdate) {
  return { name, before, rank, error: error.relative };
}

function describe(rows: readonly ReturnType<typeof rowOf>[]): string {
  return table(rows, [
    ["module", ({ name }) => name],
    ["rank before", ({ before }) => before],
    ["rank", ({ rank }) => rank],
    ["error", ({ error }) => error.toExponential(2)],
  ]);
}

/** An update that is zero keeps one direction: an adapter has no rank 0. */
function rankFor(update: Factors, energy: number): number {
  return Math.max(1, energyRank(updateSingularValues(update), energy));
}
