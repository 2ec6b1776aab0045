/** The updates of an adapter folder, to look at. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { type AdapterModule, readAdapter, type RowRange, splitSites } from "../formats/mod.ts";
import { type CommonOptions, note } from "./common.ts";

/** What an adapter adds to a weight, or to some of its rows where the adapter names such sites. */
export interface Update {
  /** The module's path, and behind it a site's rows: `transformer.h.0.attn.c_attn[0:256]`. */
  readonly name: string;
  /** (rank, in). */
  readonly A: HostTensor;
  /** (rows, rank). */
  readonly B: HostTensor;
  /** Rank of A and B. */
  readonly rank: number;
  /** The factor in scaling B A. */
  readonly scaling: number;
  /** A site's rows of the weight. */
  readonly rows?: RowRange;
  /** What it is all or a site of. */
  readonly module: AdapterModule;
}

/** Reads the modules that an adapter changes, and says what else its folder holds. */
export async function readModules(
  folder: string,
  options: CommonOptions,
): Promise<readonly AdapterModule[]> {
  const { modules, leftOut } = await readAdapter(folder, { updatesOnly: true });
  if (leftOut.length > 0) {
    note(options, `left out: trained whole in ${folder}: ${leftOut.join(", ")}`);
  }
  return modules;
}

/** The sites of a module that names its own, else the module: what was trained as one B A. */
export function updatesOf(module: AdapterModule): Update[] {
  const { name, A, B, rank, scaling, sites } = module;
  if (!sites) return [{ name, A, B, rank, scaling, module }];
  return splitSites(module, sites).map(({ A, B }, i) => {
    const { rows, rank } = sites[i], end = rows.start + rows.count;
    return { name: `${name}[${rows.start}:${end}]`, A, B, rank, scaling, rows, module };
  });
}
