/** A PEFT adapter as a table. @module */

import { howMany } from "../../core/how_many.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";
import { alphaOf, type LowRankUpdate, type PeftAdapter, siteName } from "../../formats/mod.ts";

/** One row for each update. */
export function peftTable({ config, updates, leftOut }: PeftAdapter): DataTable {
  const total = updates.reduce((sum, update) => sum + parametersOf(update), 0);
  const rest = leftOut.length === 0 ? "" : `; ${howMany(leftOut.length, "tensor")} left out`;
  return {
    id: "peft",
    title: `PEFT adapter of ${howMany(updates.length, "update")}: ` +
      `${formatValue(total, "count")} parameters${rest}`,
    columns: [
      { key: "name", label: "site", unit: "text" },
      { key: "rank", label: "rank r", unit: "count" },
      { key: "alpha", label: "α", unit: "number" },
      { key: "scaling", label: "scaling s", unit: "number" },
      { key: "inputs", label: "in", unit: "count" },
      { key: "outputs", label: "out", unit: "count" },
      { key: "parameters", label: "parameters", unit: "count" },
    ],
    rows: updates.map((update) => {
      const { A: { shape: [rank, inputs] }, B: { shape: [outputs] }, scaling } = update;
      const [name, alpha] = [siteName(update), alphaOf(update, config)];
      return { name, rank, alpha, scaling, inputs, outputs, parameters: parametersOf(update) };
    }),
  };
}

function parametersOf({ A, B }: LowRankUpdate): number {
  return A.data.length + B.data.length;
}
