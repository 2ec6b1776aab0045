/** Which adapters of a set could share a basis, module by module. @module */

import { type SharedBasis, sharedBasis, type SharedBasisOptions } from "../analysis/mod.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { mean } from "../core/numbers.ts";
import { siteName } from "../core/site.ts";

/** What the adapters that change a module need together. */
export interface SharedModule extends SharedBasis {
  /** Its name. */
  readonly name: string;
  /** Which adapters change it, from 0. */
  readonly adapters: readonly number[];
}

/** Means over modules for every pair of adapters, as a table from the adapter of a row to that of a column. */
export interface HeldShares {
  /** The share of the row's energy that the column's leading directions hold; NaN if they have no module in common. */
  readonly inputs: readonly (readonly number[])[];
  /** The same of outputs. */
  readonly outputs: readonly (readonly number[])[];
  /** What the inputs' share would be of random directions. */
  readonly inputsByChance: readonly (readonly number[])[];
  /** What the outputs' share would be. */
  readonly outputsByChance: readonly (readonly number[])[];
}

/** A set of adapters. */
export interface SharedDirections {
  /** Every module that at least two adapters change, in the order of the first ones. */
  readonly modules: readonly SharedModule[];
  /** How much of one adapter is in the directions of another. */
  readonly held: HeldShares;
}

/**
 * Compares the updates of a set of adapters, each as `comparableUpdates` prepares it.
 *
 * @throws {RangeError} when no module is in two of them, or an update is zero.
 */
export function sharedDirections(
  adapters: readonly (readonly LowRankUpdate[])[],
  options: SharedBasisOptions,
): SharedDirections {
  const all = adapters.flatMap((updates, adapter) =>
    updates.map((update) => ({ adapter, update }))
  );
  const groups = [...Map.groupBy(all, ({ update }) => siteName(update))]
    .filter(([, own]) => own.length > 1);
  if (groups.length === 0) {
    throw new RangeError(
      "adapters to compare must share a module, found none that two of them have",
    );
  }
  const modules = groups.map(([name, own]): SharedModule => ({
    ...{ name, adapters: own.map(({ adapter }) => adapter) },
    ...sharedBasis(own.map(({ update }) => update), options),
  }));
  return { modules, held: heldShares(modules, adapters.length) };
}

function heldShares(modules: readonly SharedModule[], count: number): HeldShares {
  const table = (pick: (module: SharedModule, i: number, j: number) => number) =>
    Array.from(
      { length: count },
      (_, row) =>
        Array.from({ length: count }, (_, column) =>
          mean(modules.flatMap((module) => {
            const [i, j] = [row, column].map((adapter) => module.adapters.indexOf(adapter));
            return i < 0 || j < 0 ? [] : [pick(module, i, j)];
          }))),
    );
  return {
    inputs: table(({ inputs }, i, j) => inputs.held[i][j]),
    outputs: table(({ outputs }, i, j) => outputs.held[i][j]),
    inputsByChance: table(({ inputs }, _, j) => inputs.heldByChance[j]),
    outputsByChance: table(({ outputs }, _, j) => outputs.heldByChance[j]),
  };
}
