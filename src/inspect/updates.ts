/** The updates of an adapter folder, one for each adapted matrix. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { RowRange } from "../core/row_range.ts";
import { type AdapterModule, splitSites } from "../formats/mod.ts";

/** The update of one matrix, ΔW = scaling · B A: what the analysis takes. */
export interface Update {
  /** The module's path; `[0:256]` after it where it changes those output rows alone. */
  readonly name: string;
  /** The module's path. */
  readonly module: string;
  /** The output rows of the module that it changes; all where there are none. */
  readonly rows?: RowRange;
  /** (rank, in). */
  readonly A: HostTensor;
  /** (out, rank). */
  readonly B: HostTensor;
  /** r. */
  readonly rank: number;
  /** α / r, or α / √r. */
  readonly scaling: number;
}

/**
 * The updates of a module: its sites where the file names them, as `q` and `v` of a fused `c_attn` that
 * Lowrank saved, else the whole. The spectrum of two sites mixed would be that of neither.
 *
 * @example
 * ```ts
 * import { updatesOf } from "@lowrank/core/inspect";
 * import { readAdapter } from "@lowrank/core/formats";
 *
 * const { modules } = await readAdapter("models/rank-study/qv-r8-seed1");
 * console.log(modules.flatMap(updatesOf)[0].name); // transformer.h.0.attn.c_attn[0:256]
 * ```
 */
export function updatesOf({ name, A, B, rank, scaling, sites }: AdapterModule): Update[] {
  const module = name;
  if (!sites) return [{ name, module, A, B, rank, scaling }];
  return splitSites({ name, A, B, scaling }, sites).map(({ A, B }, i) => {
    const { rows, rank } = sites[i], end = rows.start + rows.count;
    return { name: `${name}[${rows.start}:${end}]`, module, rows, A, B, rank, scaling };
  });
}

/**
 * The updates of adapters that are to be compared; a module is taken whole where one of them does not name
 * its sites.
 */
export function comparableUpdates(adapters: readonly (readonly AdapterModule[])[]): Update[][] {
  const whole = new Set(adapters.flat().filter(({ sites }) => !sites).map(({ name }) => name));
  return adapters.map((modules) =>
    modules.flatMap((module) =>
      updatesOf(whole.has(module.name) ? { ...module, sites: undefined } : module)
    )
  );
}

/** Names without the leading parts that all share: `0.attn.c_attn` of `transformer.h.0.attn.c_attn`. */
export function shortNames(names: readonly string[]): string[] {
  const paths = names.map((name) => name.split("."));
  const most = Math.min(...paths.map((path) => path.length)) - 1;
  let shared = 0;
  while (shared < most && paths.every((path) => path[shared] === paths[0][shared])) shared++;
  return paths.map((path) => path.slice(shared).join("."));
}
