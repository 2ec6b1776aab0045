/** `lowrank inspect`. @module */

import type { Command } from "./commander.ts";
import { readAdapter } from "../formats/mod.ts";
import { spectrum } from "../analysis/mod.ts";
import { type CommonOptions, print } from "./common.ts";
import { table } from "./table.ts";

const help = `
|dW| is the Frobenius norm of the update dW = scaling B A, largest its first
singular value, numerical the number of singular values above rounding, stable
the stable rank |dW|^2 / largest^2. JSON has all singular values.`;

/** Shows the updates of an adapter, module by module. */
export function addInspect(program: Command): void {
  program.command("inspect").description(
    "show the rank, norm and spectrum of every update of an adapter",
  )
    .argument("<adapter>", "PEFT folder")
    .addHelpText("after", help)
    .action(run);
}

async function run(folder: string, options: CommonOptions): Promise<void> {
  const { modules } = await readAdapter(folder);
  const rows = modules.map(({ name, A, B, rank, scaling }) => {
    return { name, rank, scaling, ...spectrum({ A, B, scaling }) };
  });
  print(options, { modules: rows }, () =>
    table(rows, [
      ["module", ({ name }) => name],
      ["rank", ({ rank }) => rank],
      ["scaling", ({ scaling }) => scaling],
      ["|dW|", ({ frobenius }) => frobenius.toPrecision(4)],
      ["largest", ({ singularValues }) => singularValues[0].toPrecision(4)],
      ["numerical", ({ numericalRank }) => numericalRank],
      ["stable", ({ stableRank }) => stableRank.toFixed(2)],
    ]));
}
