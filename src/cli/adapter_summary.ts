/** An adapter in a few lines: its base, its sites, its ranks, and what PEFT calls them. @module */

import { howMany } from "../core/how_many.ts";
import { boundsOf, digits, grouped } from "../core/numbers.ts";
import { sizeOf } from "../core/shape.ts";
import { terminalLine } from "../core/terminal_text.ts";
import { type LowRankUpdate, type PeftAdapter, siteName } from "../formats/mod.ts";
import { shortNames } from "../inspect/updates.ts";

/** Base, parameters, sites, rank and scaling, and where PEFT's rank is another. */
export function summaryOf({ config, updates }: PeftAdapter): string {
  const values = updates.reduce((sum, { A, B }) => sum + sizeOf(A.shape) + sizeOf(B.shape), 0);
  const modules = Map.groupBy(updates, ({ module }) => module);
  return [
    `base: ${config.baseModelName ?? "not stated"}`,
    `adapts: ${howMany(updates.length, "site")} (${kindsOf(updates).join(", ")}) in ${
      howMany(modules.size, "weight")
    }${sharedPrefix(updates)}`,
    `trained: ${grouped(values)} values; rank ${
      spanOf(updates.map(({ A }) => A.shape[0]))
    }; scaling ${spanOf(updates.map(({ scaling }) => scaling))}`,
    ...fusedNote(modules, config.rank),
  ].map(terminalLine).join("\n");
}

/** An adapter of all linear layers of a Llama has seven. */
const mostKinds = 8;

/** Roles where they are known, else the last parts of the modules' names. */
function kindsOf(updates: readonly LowRankUpdate[]): string[] {
  const kinds = [...new Set(updates.map(({ role, module }) => role ?? module.split(".").at(-1)!))];
  return kinds.length <= mostKinds ? kinds : [...kinds.slice(0, mostKinds), "…"];
}

function sharedPrefix(updates: readonly LowRankUpdate[]): string {
  const name = siteName(updates[0]), [short] = shortNames(updates.map(siteName));
  return name === short ? "" : `; names begin with ${name.slice(0, -short.length)}`;
}

function spanOf(values: readonly number[]): string {
  const [least, most] = boundsOf(values).map((value) => Number(digits(value, 4)));
  return least === most ? `${least}` : `${least} to ${most}`;
}

/** Several sites of one weight are one module of PEFT's, whose rank is the sum of theirs. */
function fusedNote(modules: Map<string, LowRankUpdate[]>, rank: number): string[] {
  const [sites] = [...modules.values()].filter(({ length }) => length > 1);
  if (sites === undefined) return [];
  const ranks = sites.map(({ A }) => A.shape[0]).join(" + ");
  return [
    `in PEFT: r = ${rank}, as it sees the ${sites.length} sites of a weight as one module of rank ${ranks}`,
  ];
}
