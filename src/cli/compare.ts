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
phi(i, j) measures how much the first i directions of one adapter and the first
j of the other have in common, from 0 to 1; by chance it is max(i, j) / d. The
directions are the right singular vectors of A, as in the paper, or the left or
right singular vectors of the whole update. The table shows phi of the first
directions, phi of all of them, the value of the latter by chance, and the
smallest angle between the two subspaces. If both adapters have several sites in
one weight, such as q and v, each site is compared separately, as name:q, or as
name[first row:end] if the file does not name the sites.`;

/** Adds `compare`, which shows how much the updates of two adapters have in common. */
export function addCompare(program: Command): void {
  program.command("compare").description("compare the subspaces of two adapters, site by site")
    .argument("<one>", "PEFT folder")
    .argument("<other>", "PEFT folder")
    .addOption(
      new Option("--of <directions>", "directions of which matrix").choices(directionSpaces)
        .default("A"),
    )
    .option("--html <file>", "also write a page with a figure for every site")
    .addHelpText("after", help)
    .action(run);
}

async function run(one: string, other: string, options: CompareOptions): Promise<void> {
  const [first, second] = comparableUpdates([
    (await readUpdates(one, options)).updates,
    (await readUpdates(other, options)).updates,
  ]);
  const modules = compareUpdates(first, second, options.of);
  const alone = first.length + second.length - 2 * modules.length;
  if (alone > 0) {
    note(options, `left out: ${howMany(alone, "module")} that only one of the two has`);
  }
  const { html } = options;
  if (html) {
    const report = comparisonReport(modules, [one, other], options.of);
    await writeFileAtomic(html, await renderPage(report));
  }
  print(
    options,
    { modules },
    () => [describe(modules), legend, ...(html ? [`wrote the page to ${html}`] : [])].join("\n\n"),
  );
}

const legend = "phi: how much the first directions have in common, from 0 (nothing) to 1 (all)";

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
