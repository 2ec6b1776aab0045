/** `lowrank compare`. @module */

import { basename } from "node:path";
import { assertLora } from "../../adapt/load.ts";
import { isRecord } from "../../core/checks.ts";
import { terminalLine } from "../../core/errors.ts";
import { howMany, mean } from "../../core/numbers.ts";
import type { Figure } from "../../figures/figure.ts";
import { heatmaps } from "../../figures/heatmaps.ts";
import { asStart, type RandomStart } from "../../formats/peft/metadata.ts";
import {
  eachShared,
  isSameAdapter,
  isSameUpdate,
  refuseNoneShared,
  similarityNames,
  similarityTitles,
} from "../../inspect/compare.ts";
import { sharedPrefix, shortNames } from "../../inspect/describe.ts";
import {
  comparableUpdates,
  type ComparedUpdate,
  comparisonByKind,
  comparisonTable,
  type DirectionSpace,
  directionSpaces,
  heldFigure,
  sharedBasisFigure,
  type SharedDirections,
  sharedDirections,
  type SharedModule,
  type Similarities,
  similaritiesByKind,
  similaritiesOf,
  type Similarity,
  type SimilarityOfKind,
} from "../../inspect/mod.ts";
import { UpdatePool } from "../../inspect/update_pool.ts";
import { renderPage } from "../../report/page.ts";
import type { Report } from "../../report/report.ts";
import { readJson, writeFileAtomic } from "../../storage/files.ts";
import { isHubName } from "../../storage/hub_name.ts";
import { fileIn } from "../../storage/storage.ts";
import { type LowrankCommand, option } from "../command.ts";
import { type Column, type CommonOptions, mostRows, note, print, table } from "../common.ts";
import { type AllowOption, allowOption, Argument, call, share } from "../options.ts";
import { finishUpdates, openUpdates, readUpdates } from "./inspect.ts";

/**
 * The random start of an adapter: as its file records or, of a training before files did, the `run.json` beside it;
 * none if nobody knows.
 */
async function startOf(
  folder: string,
  { start }: { readonly start?: RandomStart },
): Promise<RandomStart | undefined> {
  if (start || isHubName(folder)) return start;
  const record = await readJson(fileIn(folder, "run.json")).catch(() => undefined);
  const spec = isRecord(record) && isRecord(record.spec) ? record.spec : {};
  const { model, method, seed } = spec;
  const isNew = isRecord(model) && model.adapter === undefined;
  if (!isNew || !isRecord(method) || method.kind !== "lora") return undefined;
  return asStart({ init: method.init ?? "kaiming", seed });
}

/**
 * A sentence for adapters that are the same, and for those that share a start: what such adapters have in common says
 * nothing of their training.
 *
 * @param starts Of each adapter, in the order in which they are numbered from 1; of two, they are called both.
 * @param isSame Tells adapters with the same values, by their positions.
 * @param here A number for what those of one start share in this comparison, in words, if there is one.
 */
function sameStart(
  starts: readonly (RandomStart | undefined)[],
  isSame: (one: number, other: number) => boolean,
  here = "",
): string | undefined {
  const who = (own: readonly number[]) =>
    starts.length === 2 ? "both" : own.map((i) => i + 1).join(" and ");
  const severalOf = (groups: Map<unknown, number[]>) =>
    [...groups.values()].filter((own) => own.length > 1);
  const all = [...starts.keys()];
  const firstLike = (i: number) => all.find((j) => j === i || isSame(i, j))!;
  const same = severalOf(Map.groupBy(all, firstLike));
  const known = all.filter((i) => starts[i] && firstLike(i) === i);
  const started = severalOf(Map.groupBy(known, (i) => `${starts[i]!.init} ${starts[i]!.seed}`));
  const said = [
    ...same.map((own) => `${who(own)} have the same A and B, so that they share all directions`),
    ...started.map((own) => {
      const { seed } = starts[own[0]]!, shared = "because of their start, beside what they learned";
      const sentence = `started from seed ${seed}: they share directions ${shared}${here}`;
      return `${who(own)} ${sentence}; compare adapters of different seeds`;
    }),
  ];
  return said.length > 0 ? said.join("; ") : undefined;
}

/** The seeds for a JSON document: null where nobody knows. */
const seedsOf = (starts: readonly (RandomStart | undefined)[]): (number | null)[] =>
  starts.map((start) => start?.seed ?? null);

/** Options for comparing three adapters or more. */
export interface SetOptions extends CommonOptions, AllowOption {
  /** Share of the energy that counted directions hold. */
  readonly energy?: number;
  /** A page to write. */
  readonly html?: string;
}

/** Compares adapters, and prints what they need together. */
async function compareSet(folders: readonly string[], options: SetOptions): Promise<void> {
  const { html, seed, energy = 0.9 } = options, read = [];
  for (const folder of folders) {
    const adapter = await readUpdates(folder, options);
    read.push({ ...adapter, start: await startOf(folder, adapter) });
  }
  const adapters = comparableUpdates(read.map(({ updates }) => updates));
  const starts = read.map(({ start }) => start),
    isSame = (i: number, j: number) => isSameAdapter(adapters[i], adapters[j]);
  const notice = sameStart(starts, isSame);
  const all = adapters.flat().length;
  const shared = sharedDirections(adapters, { seed, energy });
  const alone = all - shared.modules.reduce((sum, module) => sum + module.adapters.length, 0);
  if (alone > 0) note(options, `left out: ${howMany(alone, "module")} that only one adapter has`);
  for (const [i, folder] of folders.entries()) {
    if (shared.modules.some(({ adapters }) => adapters.includes(i))) continue;
    note(options, `${folder} shares no module with the others: it is compared with none`);
  }
  if (html) {
    await writeFileAtomic(html, await renderPage({ notice, ...reportOf(shared, folders, energy) }));
  }
  print(options, { energy, ...shared, seeds: seedsOf(starts), warning: notice }, () =>
    [
      ...(notice ? [`warning: ${notice}`] : []),
      moduleTable(shared.modules),
      ...(["inputs", "outputs"] as const).map((side) => heldTable(shared, folders, side)),
      legend(energy),
      ...html ? [`wrote the page to ${html}`] : [],
    ].join("\n\n"));
}

const percent = (share: number): string =>
  Number.isNaN(share) ? "" : `${(100 * share).toFixed(0)}%`;

const legend = (energy: number): string =>
  `inputs, outputs: how many directions hold ${
    percent(energy)
  } of the updates of all adapters together, each of\n` +
  "norm 1; alone: how many if they share none. Well below chance, they could share a basis.";

function moduleTable(modules: readonly SharedModule[]): string {
  const chance: Column<SharedModule>[] = (["inputs", "outputs"] as const).flatMap((side) => [
    [side, (module) => module[side].together],
    ["by chance", (module) => module[side].byChance.toFixed(1)],
  ]);
  return table(modules, [
    ["module", ({ name }) => name],
    ["ranks", ({ ranks }) => ranks.join(" + ")],
    ["alone", ({ alone }) => alone],
    ...chance,
  ]);
}

/** A row for each adapter, with what the directions of each other one hold of it. */
function heldTable(
  { held }: SharedDirections,
  folders: readonly string[],
  side: "inputs" | "outputs",
): string {
  const shares = held[side],
    chance = held[side === "inputs" ? "inputsByChance" : "outputsByChance"];
  const names = folders.map((folder, i) => `${i + 1} ${folder}`), last = folders.length;
  const shown = (i: number, j: number): number =>
    i < last ? shares[i][j] : meanOf(chance.flatMap((row, k) => k === j ? [] : [row[j]]));
  return table([...names, "by chance"].map((name, i) => ({ name, i })), [
    [`${side} of`, ({ name }) => name],
    ...folders.map((_, j): Column<{ readonly i: number }> => [
      `in ${j + 1}`,
      ({ i }) => i === j ? "" : percent(shown(i, j)),
    ]),
  ]);
}

/** Of adapters that have a module in common. */
const meanOf = (shares: readonly number[]): number =>
  mean(shares.filter((share) => !Number.isNaN(share)));

/** The page of `--html`. */
function reportOf(
  { modules, held }: SharedDirections,
  folders: readonly string[],
  energy: number,
): Report {
  return {
    title: "Directions that adapters share",
    facts: [...folders.map((folder, i) => [`${i + 1}`, folder] as const), [
      "energy",
      percent(energy),
    ]],
    sections: [{
      id: "shared",
      title: "A common basis",
      question: "How many directions do all adapters need together, and which of them share some?",
      source: "Ky Fan 1949, on sums of the largest eigenvalues",
      settings: "Each update has norm 1. Random directions: the mean of 20 draws.",
      findings: [],
      tables: [],
      figures: [
        sharedBasisFigure(modules, "inputs"),
        sharedBasisFigure(modules, "outputs"),
        heldFigure(held, folders.map((folder) => basename(folder))),
      ],
    }],
  };
}

/** One heat map per module, all on one scale from 0 to 1. */
export function comparisonReport(
  modules: readonly ComparedUpdate[],
  folders: readonly [string, string],
  space: string,
  notice?: string,
): Report {
  return {
    notice,
    title: "Subspaces of two adapters",
    facts: [["first", folders[0]], ["second", folders[1]], ["directions of", space]],
    sections: [{
      id: "modules",
      title: "Modules",
      question:
        "How much do the first i directions of one adapter and the first j of the other share?",
      source: "Hu et al. 2021, section 7.2",
      settings: "φ(i, j) = ‖Uᵢᵀ Vⱼ‖² / min(i, j); by chance it is max(i, j) / d.",
      findings: [],
      tables: [comparisonByKind(modules), comparisonTable(modules)],
      figures: modules.map((module, index) => heatMap(module, `module-${index}`)),
    }],
  };
}

function heatMap({ name, phi, dimensions, randomBaseline }: ComparedUpdate, id: string): Figure {
  return {
    id,
    title: name,
    caption: `By chance φ is max(i, j) / ${dimensions}: ${
      randomBaseline.toFixed(3)
    } for all directions.`,
    ...heatmaps({
      columns: ["φ(i, j)"],
      rows: [{ label: "i, directions of the first", panels: [phi] }],
      xTitle: "j, directions of the second",
      panelHeight: 300,
    }),
  };
}

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

/** Shows how much the updates of two adapters have in common. */
export const compareCommand: LowrankCommand = {
  name: "compare",
  summary: "show how much the directions of adapters have in common",
  arguments: [
    new Argument("<one>", "PEFT folder"),
    new Argument("<others...>", "PEFT folders, one or more"),
  ],
  options: [
    option("--of <directions>", "of two: directions of which matrix (default: A)")
      .choices(directionSpaces),
    option("--energy <share>", "of more: share of |dW|^2 to count (default: 0.9)", share),
    option("--html <file>", "also write a page with a figure for every site"),
    allowOption(),
  ],
  uses: ["--seed"],
  permissions: ({ html }) => html === undefined ? ["read"] : ["read", "write"],
  help,
  example: "compare models/rank-study/qv-r8-seed1 models/rank-study/qv-r8-seed2",
  run,
};

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
