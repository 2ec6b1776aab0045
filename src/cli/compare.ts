/** `lowrank compare`. @module */

import { type Command, Option } from "./commander.ts";
import { checkFactors } from "../analysis/input.ts";
import {
  principalAngles,
  randomSimilarity,
  rightDirections,
  similarityGrid,
  updateDirections,
} from "../analysis/mod.ts";
import { writeFileAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { loadPlotly, renderPage } from "../figures/page.ts";
import type { AdapterModule } from "../formats/mod.ts";
import { type CommonOptions, note, print } from "./common.ts";
import { type ComparedModule, comparisonReport } from "./comparison_report.ts";
import { table } from "./table.ts";
import { readModules, type Update, updatesOf } from "./updates.ts";

const spaces = ["A", "delta-left", "delta-right"] as const;

interface CompareOptions extends CommonOptions {
  readonly of: typeof spaces[number];
  readonly html?: string;
}

const help = `
phi(i, j) says how much the first i directions of one and the first j of the
other have in common, from 0 to 1; by chance it is max(i, j) / d. Directions are
the right singular vectors of A as in the paper, or the left or right ones of
the whole update. The table shows the first directions, all of them, chance for
all, and the smallest angle between the subspaces. Where both adapters say that
a module consists of sites, such as q and v in one weight, each is compared on
its own, as name[first row:end].`;

/** Shows how much the updates of two adapters have in common. */
export function addCompare(program: Command): void {
  program.command("compare").description("compare the subspaces of two adapters, module by module")
    .argument("<one>", "PEFT folder")
    .argument("<other>", "PEFT folder")
    .addOption(
      new Option("--of <directions>", "whose directions").choices(spaces).default("A"),
    )
    .option("--html <file>", "write a page with a figure for every module")
    .addHelpText("after", help)
    .action(run);
}

async function run(one: string, other: string, options: CompareOptions): Promise<void> {
  const [first, second] = comparable([
    await readModules(one, options),
    await readModules(other, options),
  ]);
  const modules = first.flatMap((module) => {
    const twin = second.find(({ name }) => name === module.name);
    return twin ? [compare(module, twin, options.of)] : [];
  });
  if (modules.length === 0) {
    throw new RangeError(
      `adapters to compare must share a module, found ${first[0].name} in ${one} and ` +
        `${second[0].name} in ${other}`,
    );
  }
  const alone = first.length + second.length - 2 * modules.length;
  if (alone > 0) {
    note(options, `left out: ${howMany(alone, "module")} that one of the two has alone`);
  }
  if (options.html) {
    const report = comparisonReport(modules, [one, other], options.of);
    await writeFileAtomic(options.html, renderPage(report, await loadPlotly()));
  }
  print(options, { modules }, () => describe(modules));
}

/** The updates of adapters; a module is taken whole where one of them does not name its sites. */
function comparable(adapters: readonly (readonly AdapterModule[])[]): Update[][] {
  const whole = new Set(adapters.flat().filter(({ sites }) => !sites).map(({ name }) => name));
  return adapters.map((modules) =>
    modules.flatMap((module) =>
      updatesOf(whole.has(module.name) ? { ...module, sites: undefined } : module)
    )
  );
}

function compare(
  one: Update,
  other: Update,
  space: typeof spaces[number],
): ComparedModule {
  const [u, v] = [one, other].map((module) => directionsOf(module, space));
  if (u.columns !== v.columns) {
    throw new RangeError(
      `${one.name} must be of one size in both adapters, found ${u.columns} and ${v.columns}`,
    );
  }
  return {
    name: one.name,
    phi: similarityGrid(u, v),
    principalAngles: principalAngles(u, v),
    dimensions: u.columns,
    randomBaseline: randomSimilarity(u.rows, v.rows, u.columns).mean,
  };
}

function directionsOf(module: Update, space: typeof spaces[number]) {
  // All of the module is checked, also where A alone is looked at.
  if (space === "A") return rightDirections(checkFactors(module).A, module.name);
  const { left, right } = updateDirections(module);
  return space === "delta-left" ? left : right;
}

function describe(modules: readonly ComparedModule[]): string {
  return table(modules, [
    ["module", ({ name }) => name],
    ["directions", ({ phi }) => `${phi.length} x ${phi[0].length}`],
    ["phi(1, 1)", ({ phi }) => phi[0][0].toFixed(3)],
    ["phi of all", ({ phi }) => phi.at(-1)!.at(-1)!.toFixed(3)],
    ["by chance", ({ randomBaseline }) => randomBaseline.toFixed(3)],
    ["smallest angle", ({ principalAngles: [angle] }) => `${(angle * 180 / Math.PI).toFixed(1)}°`],
  ]);
}
