/** The errors of updates that were written, as `combine` and `extract` print them. @module */

import type { CertifiedUpdate, TotalError } from "../adapt/combine/certificate.ts";
import { digits } from "../core/numbers.ts";
import { type Column, table } from "./table.ts";

/** A table with a row for every update, and a line for all of them. */
export function certificateTable(modules: readonly CertifiedUpdate[], total: TotalError): string {
  const hasRanks = modules.some(({ ranks }) => ranks.length > 0);
  return [
    table(modules, [
      ["module", ({ name }) => name],
      ...hasRanks ? [before] : [],
      ["rank", ({ rank }) => rank],
      ["|dW|", ({ norm }) => digits(norm, 4)],
      ["error", ({ error }) => percent(error)],
      ["least", ({ least }) => percent(least)],
    ]),
    `all together: error ${percent(total.error)}, least ${percent(total.least)} at these ranks`,
  ].join("\n\n");
}

const before: Column<CertifiedUpdate> = ["ranks before", ({ ranks }) => ranks.join(" + ")];

/** What rounding to F32 leaves is not worth its digits. */
function percent(share: number): string {
  if (share === 0) return "0";
  if (share === Infinity) return "infinite";
  return share < 1e-6 ? "rounding" : `${digits(100 * share, 3)}%`;
}
