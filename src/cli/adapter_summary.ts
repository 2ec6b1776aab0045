/** An adapter in a few lines: its base, its sites, its ranks, and what PEFT calls them. @module */

import { howMany } from "../core/how_many.ts";
import { boundsOf, digits, grouped } from "../core/numbers.ts";
import { sizeOf } from "../core/shape.ts";
import { terminalLine } from "../core/terminal_text.ts";
import type { UpdateShape } from "../core/low_rank_update.ts";
import { siteName } from "../formats/mod.ts";
import { sharedPrefix } from "../inspect/updates.ts";

/** What a summary says of an update. */
type ScaledShape = UpdateShape & { readonly scaling: number };

/** What a summary is of. */
export interface Summarized {
  /** The base that its configuration names. */
  readonly baseModelName?: string;
  /** The rank of its configuration. */
  readonly rank: number;
  /** Its updates. */
  readonly updates: readonly ScaledShape[];
  /** Of VeRA, how many values its vectors have, which alone are trained. */
  readonly vectors?: number;
}

/** Base, parameters, sites, rank and scaling, and where PEFT's rank is another. */
export function summaryOf({ baseModelName, rank, updates, vectors }: Summarized): string {
  const values = updates.reduce((sum, { A, B }) => sum + sizeOf(A.shape) + sizeOf(B.shape), 0);
  const modules = Map.groupBy(updates, ({ module }) => module);
  const prefix = sharedPrefix(updates.map(siteName));
  return [
    `base: ${baseModelName ?? "not stated"}`,
    `adapts: ${howMany(updates.length, "site")} (${kindsOf(updates).join(", ")}) in ${
      howMany(modules.size, "weight")
    }${prefix && `; names begin with ${prefix}`}`,
    `trained: ${grouped(vectors ?? values)} values${vectors ? " (VeRA's b and d)" : ""}; rank ${
      spanOf(updates.map(({ A }) => A.shape[0]))
    }; scaling ${spanOf(updates.map(({ scaling }) => scaling))}`,
    ...fusedNote(modules, rank),
  ].map(terminalLine).join("\n");
}

/** An adapter of all linear layers of a Llama has seven. */
const mostKinds = 8;

/** Roles where they are known, else the last parts of the modules' names. */
function kindsOf(updates: readonly ScaledShape[]): string[] {
  const kinds = [...new Set(updates.map(({ role, module }) => role ?? module.split(".").at(-1)!))];
  return kinds.length <= mostKinds ? kinds : [...kinds.slice(0, mostKinds), "…"];
}

function spanOf(values: readonly number[]): string {
  const [least, most] = boundsOf(values).map((value) => Number(digits(value, 4)));
  return least === most ? `${least}` : `${least} to ${most}`;
}

/** Several sites of one weight are one module of PEFT's, whose rank is the sum of theirs. */
function fusedNote(modules: Map<string, ScaledShape[]>, rank: number): string[] {
  const [sites] = [...modules.values()].filter(({ length }) => length > 1);
  if (sites === undefined) return [];
  const ranks = sites.map(({ A }) => A.shape[0]).join(" + ");
  return [
    `in PEFT: r = ${rank}, as it sees the ${sites.length} sites of a weight as one module of rank ${ranks}`,
  ];
}
