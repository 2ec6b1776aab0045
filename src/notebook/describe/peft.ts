/** A PEFT adapter as a table. @module */

import { howMany } from "../../core/how_many.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";
import type { AdapterModule, PeftAdapter } from "../../formats/mod.ts";

/** One row for each adapted module. */
export function peftTable({ modules, leftOut }: PeftAdapter): DataTable {
  const total = modules.reduce((sum, module) => sum + parametersOf(module), 0);
  const rest = leftOut.length === 0 ? "" : `; ${howMany(leftOut.length, "tensor")} left out`;
  return {
    id: "peft",
    title: `PEFT adapter of ${howMany(modules.length, "module")}: ` +
      `${formatValue(total, "count")} parameters${rest}`,
    columns: [
      { key: "name", label: "module", unit: "text" },
      { key: "rank", label: "rank r", unit: "count" },
      { key: "alpha", label: "α", unit: "number" },
      { key: "scaling", label: "scaling s", unit: "number" },
      { key: "inputs", label: "in", unit: "count" },
      { key: "outputs", label: "out", unit: "count" },
      { key: "parameters", label: "parameters", unit: "count" },
    ],
    rows: modules.map((module) => {
      const { name, rank, alpha, scaling, A, B } = module;
      const [inputs, outputs] = [A.shape[1], B.shape[0]];
      return { name, rank, alpha, scaling, inputs, outputs, parameters: parametersOf(module) };
    }),
  };
}

function parametersOf({ A, B }: AdapterModule): number {
  return A.data.length + B.data.length;
}
