/** `lowrank compare` of three adapters or more: which of them could share a basis. @module */

import { basename } from "node:path";
import { writeFileAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { mean } from "../core/numbers.ts";
import { renderPage } from "../figures/page.ts";
import type { Report } from "../figures/report.ts";
import {
  comparableUpdates,
  heldFigure,
  sharedBasisFigure,
  type SharedDirections,
  sharedDirections,
  type SharedModule,
} from "../inspect/mod.ts";
import { isSameAdapter } from "../inspect/shared_updates.ts";
import type { AllowOption } from "./arguments.ts";
import { type CommonOptions, note, print } from "./common.ts";
import { sameStart, seedsOf, startOf } from "./same_start.ts";
import { type Column, table } from "./table.ts";
import { readUpdates } from "./updates.ts";

/** What a set is compared by. */
export interface SetOptions extends CommonOptions, AllowOption {
  /** Share of the energy that counted directions hold. */
  readonly energy?: number;
  /** A page to write. */
  readonly html?: string;
}

/** Compares adapters, and prints what they need together. */
export async function compareSet(folders: readonly string[], options: SetOptions): Promise<void> {
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
