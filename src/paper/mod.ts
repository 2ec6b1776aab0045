/**
 * The numbers of the LoRA paper (Hu et al. 2021), each next to the one that we compute.
 *
 * @module
 */

export type { Computation, Remarks } from "./computations.ts";
export { type PrintedTable, printedTables, tableLabel } from "./printed/mod.ts";
export {
  computationOf,
  countVerdicts,
  type PaperRow,
  paperRows,
  type QuotedTable,
  quotedTable,
  type VerdictCounts,
} from "./rows.ts";
export {
  comparisonTables,
  formulaTables,
  printedAgainstOurs,
  verdictFigure,
  verdictTable,
} from "./tables.ts";
export {
  type Agreement,
  agreement,
  type CellVerdict,
  type Rational,
  verdictOf,
} from "./printed_number.ts";
