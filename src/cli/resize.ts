/** `lowrank resize`. @module */

import type { Command } from "./commander.ts";
import { energyRank, truncateUpdate, updateSingularValues } from "../analysis/mod.ts";
import { type AdapterModule, readAdapter, writeAdapter } from "../formats/mod.ts";
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
in each module as many directions as hold that share of |dW|^2, at least one;
--rank gives all modules the same rank, or their own where that is lower.`;

/** Writes an adapter of lower rank. */
export function addResize(program: Command): void {
  program.command("resize").description("write an adapter of lower rank, as near as can be")
    .argument("<adapter>", "PEFT folder")
    .option("--rank <r>", "rank of every module", positiveNumber)
    .option("--energy <share>", "share of |dW|^2 to keep in every module", share)
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
  const resized = modules.map((module) => ({
    name: module.name,
    before: module.rank,
    ...truncateUpdate(module, rank ?? rankFor(module, energy!)),
  }));
  const { baseModelName, taskType, fanInFanOut, dropout } = config;
  await writeAdapter(output, { baseModelName, taskType, fanInFanOut, dropout, modules: resized });
  const rows = resized.map(({ name, before, rank, error }) => {
    return { name, before, rank, error: error.relative };
  });
  print(options, { modules: rows }, () =>
    `${
      table(rows, [
        ["module", ({ name }) => name],
        ["rank before", ({ before }) => before],
        ["rank", ({ rank }) => rank],
        ["error", ({ error }) => error.toExponential(2)],
      ])
    }\n\nwrote the adapter to ${output}`);
}

/** An update that is zero keeps one direction: an adapter has no rank 0. */
function rankFor(module: AdapterModule, energy: number): number {
  return Math.max(1, energyRank(updateSingularValues(module), energy));
}
