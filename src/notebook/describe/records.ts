/** Plain records, recognized by their fields, and what is shown of them. @module */

import type { MergeReport } from "../../adapt/mod.ts";
import type { Formula } from "../../accounting/mod.ts";
import type { Spectrum } from "../../analysis/mod.ts";
import type { Outcome } from "../../../experiments/mod.ts";
import type { DataTable, Figure } from "../../figures/figure.ts";
import type { Picture } from "../../figures/pictures/picture.ts";
import { table } from "../../figures/table.ts";
import type { PeftAdapter } from "../../formats/mod.ts";
import type { Part, Tex } from "../part.ts";
import { describeOutcome } from "./finding.ts";
import { mergeTable } from "./merge_report.ts";
import { peftTable } from "./peft.ts";
import { describeSpectrum } from "./spectrum.ts";

/** A kind of record. */
interface Kind<T> {
  /** Fields that only this kind has all of. */
  readonly fields: readonly (keyof T & string)[];
  /** The parts that are shown. */
  show(value: T): readonly Part[] | Promise<readonly Part[]>;
}

// deno-lint-ignore no-explicit-any
const kinds: readonly Kind<any>[] = [
  kind<Figure>(["data", "layout", "caption"], (figure) => [figure]),
  kind<Picture>(["svg", "alt", "caption"], (picture) => [picture]),
  kind<DataTable>(["columns", "rows", "title"], (table) => [table]),
  kind<Tex>(["tex"], (formula) => [formula]),
  kind<Formula>(["expression", "symbols", "meaning"], describeFormula),
  kind<Outcome>(["settings", "findings", "tables", "figures"], describeOutcome),
  kind<Spectrum>(["singularValues", "noiseEdge"], describeSpectrum),
  kind<MergeReport>(["weights", "extraBytes"], (report) => [mergeTable(report)]),
  kind<PeftAdapter>(["config", "updates", "leftOut"], (adapter) => [peftTable(adapter)]),
];

function kind<T>(fields: Kind<T>["fields"], show: Kind<T>["show"]): Kind<T> {
  return { fields, show };
}

/** Whether a value is a record of a known kind. */
export const isShownRecord = (value: object): boolean => kindOf(value) !== undefined;

const kindOf = (value: object) =>
  kinds.find(({ fields }) => fields.every((field) => field in value));

/** The parts for a record of a known kind; undefined for any other. */
export async function describeRecord(value: object): Promise<readonly Part[] | undefined> {
  return await kindOf(value)?.show(value);
}

/** Imported here because mathjs takes 0.4 s to load. */
async function describeFormula(formula: Formula): Promise<Part[]> {
  const { formulaTex } = await import("../../accounting/mod.ts");
  const { meaning, unit, source, symbols } = formula;
  const letters = table({
    id: "letters",
    title: `${meaning}${unit === "ratio" ? "" : `, in ${unit}`} (${source})`,
    columns: [
      ["tex", "letter", "math"],
      ["meaning", "meaning", "text"],
      ["unit", "unit", "text"],
    ],
    rows: Object.values(symbols),
  });
  return [{ tex: formulaTex(formula) }, letters];
}
