/** `lowrank compare`. @module */

import { call } from "./call.ts";
import { type Command, Option } from "./commander.ts";
import { assertLora } from "../adapt/update_method.ts";
import { writeFileAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { terminalLine } from "../core/terminal_text.ts";
import { renderPage } from "../figures/page.ts";
import {
  type ComparedUpdate,
  type DirectionSpace,
  directionSpaces,
  type Similarities,
  similaritiesByKind,
  similaritiesOf,
  type Similarity,
  type SimilarityOfKind,
} from "../inspect/mod.ts";
import { refuseNoneShared } from "../inspect/compare.ts";
import { eachShared, isSameUpdate } from "../inspect/shared_updates.ts";
import { similarityNames, similarityTitles } from "../inspect/similarities.ts";
import { UpdatePool } from "../inspect/update_pool.ts";
import { sharedPrefix, shortNames } from "../inspect/updates.ts";
import { allowOption, share } from "./arguments.ts";
import { note, print } from "./common.ts";
import { compareSet, type SetOptions } from "./compare_set.ts";
import { comparisonReport } from "./comparison_report.ts";
import { sameStart, seedsOf, startOf } from "./same_start.ts";
import { type Column, mostRows, table } from "./table.ts";
import { finishUpdates, openUpdates } from "./updates.ts";

interface CompareOptions extends SetOptions {
  readonly of?: DirectionSpace;
}

const help = `
An update of rank r acts in r directions, the strongest first. phi(i, j) is the
share that the first i directions of one adapter and the first j of the other
have in common: 0 if they are perpendicular, 1 if one set contains the other.
Random directions share a little too: by chance phi is max(i, j) / d in d
dimensions. Values near it mean nothing.

Columns, each phi with chance in parentheses:
  phi(1, 1)   of the first direction of each
  phi(2..8)   of the second to the eighth of each alone, where both have 8: do
              they share more than the first?
  phi(8, 8)   of the first 8 of each; of two adapters of rank 8 these are all
  phi of all  of all directions of each
  angle       the smallest, between a direction of one and one of the other

A table of more than 24 rows is preceded by the means of each kind of layer.
Adapters that began with the same random values (one --seed of train) share
directions because of them, beside what they learned; a warning says so where
their files, or the run.json of their training, tell.

The directions are the right singular vectors of A, as in the paper, or the left
or right singular vectors of the whole update (--of). If both adapters have
several sites in one weight, such as q and v, each site is compared separately,
as name:q, or as name[first row:end] if the file does not name the sites.

Three adapters or more: could they share a basis? Each update counts with norm
1, so that no adapter outweighs another. Columns:
  alone            how many directions hold 90% (--energy) of all updates if no
                   two adapters share any
  inputs, outputs  how many do, of those that the updates read and write
  by chance        the same of random directions, the mean of 20 draws (--seed)
  in 1, in 2, ...  share of the row's updates that the leading directions of
                   that adapter hold, the mean over modules`;

/** Adds `compare`, which shows how much the updates of two adapters have in common. */
export function addCompare(program: Command): void {
  program.command("compare").description(
    "show how much the directions of adapters have in common",
  )
    .argument("<one>", "PEFT folder")
    .argument("<others...>", "PEFT folders, one or more")
    .addOption(
      new Option("--of <directions>", "of two: directions of which matrix (default: A)")
        .choices(directionSpaces),
    )
    .option("--energy <share>", "of more: share of |dW|^2 to count (default: 0.9)", share)
    .option("--html <file>", "also write a page with a figure for every site")
    .addOption(allowOption())
    .addHelpText("after", help)
    .action(run);
}

async function run(
  one: string,
  others: readonly string[],
  options: CompareOptions,
): Promise<void> {
  const isPair = others.length === 1, wrong = isPair ? "energy" : "of";
  if (options[wrong] !== undefined) {
    throw new RangeError(
      `--${wrong} is for ${isPair ? "three adapters or more" : "two adapters"}, found ${
        others.length + 1
      }: leave it out`,
    );
  }
  for (const folder of [one, ...others]) await assertLora("compare", folder);
  await (isPair ? comparePair(one, others[0], options) : compareSet([one, ...others], options));
}

async function comparePair(one: string, other: string, options: CompareOptions): Promise<void> {
  using first = await openUpdates(one, options);
  using second = await openUpdates(other, options);
  using pool = new UpdatePool("compare");
  let isSame = true;
  const names = await eachShared([first, second], (pair) => {
    isSame &&= isSameUpdate(...pair);
    return pool.add(pair, options.of ?? "A");
  });
  const starts = [
    await startOf(one, await finishUpdates(one, options, first)),
    await startOf(other, await finishUpdates(other, options, second)),
  ];
  const modules = await pool.finish();
  if (modules.length === 0) refuseNoneShared(names.map(([name]) => name));
  const alone = names.flat().length - 2 * modules.length;
  if (alone > 0) {
    note(options, `left out: ${howMany(alone, "module")} that only one of the two has`);
  }
  const warning = sameStart(starts, () => isSame && alone === 0, phiHere(modules));
  const { html } = options, kinds = similaritiesByKind(modules);
  if (html) {
    const report = comparisonReport(modules, [one, other], options.of ?? "A", warning);
    await writeFileAtomic(html, await renderPage(report));
  }
  const rows = modules.map((module) => ({ ...module, similarities: similaritiesOf(module) }));
  print(options, { modules: rows, kinds, seeds: seedsOf(starts), warning }, () =>
    [
      ...(warning ? [`warning: ${warning}`] : []),
      ...(modules.length > mostRows ? [kindTable(kinds)] : []),
      describe(modules),
      legendOf(modules),
      ...(html ? [`wrote the page to ${html}`] : []),
    ].join("\n\n"));
}

/** From the least to the largest φ of all directions. */
function phiHere(modules: readonly ComparedUpdate[]): string {
  const all = modules.map((module) => similaritiesOf(module).all.value);
  const ends = [Math.min(...all), Math.max(...all)].map((phi) => phi.toFixed(2));
  return ` (phi of all is ${[...new Set(ends)].join(" to ")} here)`;
}

function legendOf(modules: readonly ComparedUpdate[]): string {
  const prefix = sharedPrefix(modules.map(({ name }) => name));
  return [
    "phi: the share that the first directions have in common, from 0 (none) to 1 (all); in parentheses:",
    `what it would be for random directions. More: ${call} compare --help`,
    ...prefix ? [`module: names begin with ${terminalLine(prefix)}`] : [],
  ].join("\n");
}

function kindTable(kinds: readonly SimilarityOfKind[]): string {
  return table(kinds, [
    ["means by kind", ({ kind }) => kind],
    ["sites", ({ sites }) => sites],
    ...phiColumns<SimilarityOfKind>(kinds),
  ]);
}

function describe(modules: readonly ComparedUpdate[]): string {
  const names = shortNames(modules.map(({ name }) => name));
  const rows = modules.map((module, i) => ({
    ...{ ...module, name: names[i] },
    ...similaritiesOf(module),
  }));
  return table(rows, [
    ["module", ({ name }) => name],
    ["directions", ({ phi }) => `${phi.length} x ${phi[0].length}`],
    ...phiColumns<typeof rows[number]>(rows),
    ["angle", ({ principalAngles: [angle] }) => `${(angle * 180 / Math.PI).toFixed(1)}°`],
  ]);
}

/** Each φ that a row has, with chance. */
function phiColumns<Row extends Similarities>(rows: readonly Row[]): Column<Row>[] {
  const shown = ({ value, byChance }: Similarity) => `${value.toFixed(3)} (${byChance.toFixed(3)})`;
  return similarityNames.filter((name) => rows.some((row) => row[name]))
    .map((name): Column<Row> => [
      similarityTitles[name].replace("φ", "phi"),
      (row) => row[name] ? shown(row[name]) : "",
    ]);
}
