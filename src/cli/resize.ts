/** `lowrank resize`. @module */

import type { Command } from "./commander.ts";
import {
  energyRank,
  type TruncatedUpdate,
  truncateUpdate,
  updateSingularValues,
} from "../analysis/mod.ts";
import { type LowRankUpdate, readAdapter, siteName, writeAdapter } from "../formats/mod.ts";
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
each site, name:q or name[first row:end], is an update of its own.`;

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
  const { config, updates } = await readAdapter(folder);
  const cuts = updates.map((update) => truncateUpdate(update, rank ?? rankFor(update, energy!)));
  const { baseModelName, taskType, fanInFanOut, dropout } = config;
  await writeAdapter(output, {
    ...{ baseModelName, taskType, fanInFanOut, dropout },
    updates: updates.map((update, i) => ({ ...update, ...cuts[i] })),
  });
  const rows = updates.map((update, i) => rowOf(update, cuts[i]));
  print(options, { modules: rows }, () => `${describe(rows)}\n\nwrote the adapter to ${output}`);
}

function rowOf(update: LowRankUpdate, { A, error }: TruncatedUpdate) {
  const [before, rank] = [update.A.shape[0], A.shape[0]];
  return { name: siteName(update), before, rank, error: error.relative };
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
function rankFor(update: LowRankUpdate, energy: number): number {
  return Math.max(1, energyRank(updateSingularValues(update), energy));
}
