/** A PEFT adapter as a table. @module */

import { howMany } from "../../core/how_many.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";
import { table } from "../../figures/table.ts";
import { alphaOf, type LowRankUpdate, type PeftAdapter, siteName } from "../../formats/mod.ts";

/** One row for each update. */
export function peftTable({ config, updates, leftOut }: PeftAdapter): DataTable {
  const total = updates.reduce((sum, update) => sum + parametersOf(update), 0);
  const rest = leftOut.length === 0 ? "" : `; ${howMany(leftOut.length, "tensor")} left out`;
  return table({
    id: "peft",
    title: `PEFT adapter of ${howMany(updates.length, "update")}: ` +
      `${formatValue(total, "count")} parameters${rest}`,
    columns: [
      ["name", "site", "text", siteName],
      ["rank", "rank r", "count", ({ A }) => A.shape[0]],
      ["alpha", "α", "number", (update) => alphaOf(update, config)],
      ["scaling", "scaling s", "number"],
      ["inputs", "in", "count", ({ A }) => A.shape[1]],
      ["outputs", "out", "count", ({ B }) => B.shape[0]],
      ["parameters", "parameters", "count", parametersOf],
    ],
    rows: updates,
  });
}

function parametersOf({ A, B }: LowRankUpdate): number {
  return A.data.length + B.data.length;
}
