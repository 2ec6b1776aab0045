/** A merge report as a table. @module */

import type { MergeReport } from "../../adapt/mod.ts";
import type { DataTable } from "../../figures/figure.ts";
import { formatValue } from "../../figures/format.ts";
import { table } from "../../figures/table.ts";

/** One row for each merged weight. */
export function mergeTable({ weights, extraBytes }: MergeReport): DataTable {
  const extra = formatValue(extraBytes, "bytes");
  return table({
    id: "merge",
    title:
      `The effect of merging on each weight; the merged copies take ${extra} in addition to the base`,
    columns: [
      ["module", "weight", "text"],
      ["deltaNorm", "‖ΔW‖", "number"],
      ["weightNorm", "‖W‖", "number"],
      ["relativeNorm", "‖ΔW‖ / ‖W‖", "share"],
      ["survivingShare", "share of ΔW left after rounding", "number"],
      ["extraBytes", "copy", "bytes"],
    ],
    rows: weights,
  });
}
