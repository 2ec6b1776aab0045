/** `lowrank compare`. @module */

import { type Command, Option } from "./commander.ts";
import { writeFileAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { renderPage } from "../figures/page.ts";
import {
  comparableUpdates,
  type ComparedUpdate,
  compareUpdates,
  type DirectionSpace,
  directionSpaces,
} from "../inspect/mod.ts";
import { type CommonOptions, note, print } from "./common.ts";
import { comparisonReport } from "./comparison_report.ts";
import { table } from "./table.ts";
import { readUpdates } from "./updates.ts";

interface CompareOptions extends CommonOptions {
  readonly of: DirectionSpace;
  readonly html?: string;
}

const help = `
phi(i, j) says how much the first i directions of one and the first j of the
other have in common, from 0 to 1; by chance it is max(i, j) / d. Directions are
the right singular vectors of A as in the paper, or the left or right ones of
the whole update. The table shows the first directions, all of them, chance for
all, and the smallest angle between the subspaces. Where both adapters say that
a module consists of sites, such as q and v in one weight, each is compared on
its own, as name:q, or name[first row:end] where its file keeps no roles.`;

/** Shows how much the updates of two adapters have in common. */
export function addCompare(program: Command): void {
  program.command("compare").description("compare the subspaces of two adapters, module by module")
    .argument("<one>", "PEFT folder")
    .argument("<other>", "PEFT folder")
    .addOption(
      new Option("--of <directions>", "whose directions").choices(directionSpaces).default("A"),
    )
    .option("--html <file>", "write a page with a figure for every module")
    .addHelpText("after", help)
    .action(run);
}

async function run(one: string, other: string, options: CompareOptions): Promise<void> {
  const [first, second] = comparableUpdates([
    await readUpdates(one, options),
    await readUpdates(other, options),
  ]);
  const modules = compareUpdates(first, second, options.of);
  const alone = first.length + second.length - 2 * modules.length;
  if (alone > 0) {
    note(options, `left out: ${howMany(alone, "module")} that one of the two has alone`);
  }
  if (options.html) {
    const report = comparisonReport(modules, [one, other], options.of);
    await writeFileAtomic(options.html, await renderPage(report));
  }
  print(options, { modules }, () => describe(modules));
}

function describe(modules: readonly ComparedUpdate[]): string {
  return table(modules, [
    ["module", ({ name }) => name],
    ["directions", ({ phi }) => `${phi.length} x ${phi[0].length}`],
    ["phi(1, 1)", ({ phi }) => phi[0][0].toFixed(3)],
    ["phi of all", ({ phi }) => phi.at(-1)!.at(-1)!.toFixed(3)],
    ["by chance", ({ randomBaseline }) => randomBaseline.toFixed(3)],
    ["smallest angle", ({ principalAngles: [angle] }) => `${(angle * 180 / Math.PI).toFixed(1)}°`],
  ]);
}
