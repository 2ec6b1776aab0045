/** A merge report as a table. @module */

import type { MergeReport } from "../../adapt/mod.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";

/** One row for each merged weight. */
export function mergeTable({ weights, extraBytes }: MergeReport): DataTable {
  const extra = formatValue(extraBytes, "bytes");
  return {
    id: "merge",
    title:
      `The effect of merging on each weight; the merged copies take ${extra} in addition to the base`,
    columns: [
      { key: "module", label: "weight", unit: "text" },
      { key: "deltaNorm", label: "‖ΔW‖", unit: "number" },
      { key: "weightNorm", label: "‖W‖", unit: "number" },
      { key: "relativeNorm", label: "‖ΔW‖ / ‖W‖", unit: "share" },
      { key: "survivingShare", label: "share of ΔW left after rounding", unit: "number" },
      { key: "extraBytes", label: "copy", unit: "bytes" },
    ],
    rows: weights.map((weight) => ({ ...weight })),
  };
}
