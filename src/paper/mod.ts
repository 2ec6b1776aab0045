/** The numbers of the LoRA paper (Hu et al. 2021), each next to the one that we compute. @module */

export type { Computation, Remarks } from "./computations.ts";
export { type PrintedTable, printedTables, tableLabel } from "./printed/mod.ts";
export { type QuotedTable, quotedTable } from "./rows.ts";
export { comparisonTables, formulaTables, verdictFigure, verdictTable } from "./tables.ts";
export { printedAgainstOurs } from "./tables.ts";
export type { Rational } from "./printed_number.ts";
export {
  computationOf,
  countVerdicts,
  type PaperRow,
  paperRows,
  type VerdictCounts,
} from "./rows.ts";
export { type Agreement, agreement, type CellVerdict, verdictOf } from "./printed_number.ts";
