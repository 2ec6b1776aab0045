/** `lowrank compare`. @module */

import { call } from "./call.ts";
import { type Command, Option } from "./commander.ts";
import { assertLora } from "../adapt/update_method.ts";
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
import { type AllowOption, allowOption } from "./arguments.ts";
import { type CommonOptions, note, print } from "./common.ts";
import { comparisonReport } from "./comparison_report.ts";
import { table } from "./table.ts";
import { readUpdates } from "./updates.ts";

interface CompareOptions extends CommonOptions, AllowOption {
  readonly of: DirectionSpace;
  readonly html?: string;
}

const help = `
An update of rank r acts in r directions, the strongest first. phi(i, j) is the
share that the first i directions of one adapter and the first j of the other
have in common: 0 if they are perpendicular, 1 if one set contains the other.
Random directions share a little too: by chance phi is max(i, j) / d in d
dimensions. Values near it mean nothing.

Columns:
  phi(1, 1)       of the first direction of each
  phi of all      of all directions of each
  by chance       what phi of all would be for random directions
  smallest angle  between a direction of one and a direction of the other

The directions are the right singular vectors of A, as in the paper, or the left
or right singular vectors of the whole update (--of). If both adapters have
several sites in one weight, such as q and v, each site is compared separately,
as name:q, or as name[first row:end] if the file does not name the sites.`;

/** Adds `compare`, which shows how much the updates of two adapters have in common. */
export function addCompare(program: Command): void {
  program.command("compare").description(
    "show how much the directions of two adapters have in common",
  )
    .argument("<one>", "PEFT folder")
    .argument("<other>", "PEFT folder")
    .addOption(
      new Option("--of <directions>", "directions of which matrix").choices(directionSpaces)
        .default("A"),
    )
    .option("--html <file>", "also write a page with a figure for every site")
    .addOption(allowOption())
    .addHelpText("after", help)
    .action(run);
}

async function run(one: string, other: string, options: CompareOptions): Promise<void> {
  for (const folder of [one, other]) await assertLora("compare", folder);
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

const legend =
  "phi: the share that the first directions have in common, from 0 (none) to 1 (all); by chance: what\n" +
  `phi of all would be for random directions. More: ${call} compare --help`;

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
