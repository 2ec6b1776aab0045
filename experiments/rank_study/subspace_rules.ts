/** The rules of figures 3, 4, 6 and 7 (docs/decisions/0012), as functions of the similarities. @module */

import type { Grid } from "./spaces.ts";

/** What was found for one module in one space; grids are means over seeds or pairs. */
export interface ModuleSimilarity {
  /** `q` or `v`. */
  readonly site: "q" | "v";
  /** Number of its layer. */
  readonly layer: number;
  /** φ between rank 8 (down) and rank 64 (across). */
  readonly ranks: Grid;
  /** φ between two seeds at rank 64. */
  readonly seeds: Grid;
  /** The same two between Gaussian updates of the same shapes, in the same space. */
  readonly control: { readonly ranks: Grid; readonly seeds: Grid };
}

/** φ(i, j), counted from 1 as in the paper. */
export const phi = (grid: Grid, i: number, j: number): number => grid[i - 1][j - 1];

/** φ(1, 1) above this is a shared direction: the paper's own word for figure 3. */
const shared = 0.5;

/** Modules of four that a claim about modules needs. */
const mostModules = 3;

/** Whether the top direction is shared across ranks, and Gaussian updates' is not. */
export function sharesTop({ ranks, control }: ModuleSimilarity): boolean {
  return phi(ranks, 1, 1) > shared && phi(control.ranks, 1, 1) <= shared;
}

/** The mean share of directions 2 to 8: (8 φ(8, 8) − φ(1, 1)) / 7. */
export function restShared({ ranks }: Pick<ModuleSimilarity, "ranks">): number {
  return (8 * phi(ranks, 8, 8) - phi(ranks, 1, 1)) / 7;
}

/** Figure 3's first claim. */
export function topIsShared(modules: readonly ModuleSimilarity[]): boolean {
  return modules.filter(sharesTop).length >= mostModules;
}

/** Figure 3's second claim. */
export function othersAreNot(modules: readonly ModuleSimilarity[]): boolean {
  return modules.filter((module) => restShared(module) < shared).length >= mostModules;
}

/** How far a Gaussian pair's φ(8, 8) may be from max(i, j) / d, in A. */
const chanceTolerance = 0.02;

/** Figure 4's first claim; `chance` is max(i, j) / d, where the control has to lie on it. */
export function seedsShare(modules: readonly ModuleSimilarity[], chance?: number): boolean {
  return modules.every(({ seeds, control }) => {
    const random = phi(control.seeds, 8, 8);
    const onChance = chance === undefined || Math.abs(random - chance) <= chanceTolerance;
    return onChance && phi(seeds, 8, 8) >= 2 * random;
  });
}

/** The largest i with φ(i, i) ≥ 0.5 between two seeds; 0 where there is none. */
export function commonDirections({ seeds }: Pick<ModuleSimilarity, "seeds">): number {
  const size = Math.min(seeds.length, seeds[0].length);
  for (let i = size; i >= 1; i--) if (phi(seeds, i, i) >= shared) return i;
  return 0;
}

/** The sum of {@link commonDirections} over the layers of a site. */
export function commonOf(modules: readonly ModuleSimilarity[], site: "q" | "v"): number {
  return modules.filter((module) => module.site === site)
    .reduce((sum, module) => sum + commonDirections(module), 0);
}

/** Figure 4's second claim. */
export function queryHasMore(modules: readonly ModuleSimilarity[]): boolean {
  return commonOf(modules, "q") > commonOf(modules, "v");
}

/** Figures 6 and 7: figure 3's first rule for q and v in every layer. */
export function sameInEveryLayer(modules: readonly ModuleSimilarity[]): boolean {
  return modules.every(sharesTop);
}
