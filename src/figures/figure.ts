/** What a figure and a table are: plain data that every page and notebook can draw. @module */

import type { Frame, Layout, Trace } from "./plotly_types.ts";

/** A plotly specification with the words around it. */
export interface Figure {
  /** Unique in its report; also the anchor. */
  readonly id: string;
  /** One line. */
  readonly title: string;
  /** What is drawn, from how many seeds, on which device. */
  readonly caption: string;
  /** Traces, as plotly takes them. */
  readonly data: readonly Trace[];
  /** Layout, as plotly takes it. */
  readonly layout: Layout;
  /** What a slider steps through, as plotly takes it. */
  readonly frames?: readonly Frame[];
}

/**
 * How a column is printed. `number` shows whole numbers with all digits and others with six,
 * `share` three digits; `verdict` is
 * the one that has color; `math` is a formula in TeX.
 */
export type Unit =
  | "count"
  | "bytes"
  | "ratio"
  | "nats"
  | "time"
  | "percent"
  | "number"
  | "share"
  | "text"
  | "verdict"
  | "math";

/** A column of a table. */
export interface TableColumn {
  /** Key of a row's value. */
  readonly key: string;
  /** Heading, with the unit where numbers have one. */
  readonly label: string;
  /** How its values are printed. */
  readonly unit: Unit;
  /** Key of what is said below each value, in small print. */
  readonly detail?: string;
}

/** Rows with their columns. */
export interface DataTable {
  /** Unique in its report. */
  readonly id: string;
  /** One line. */
  readonly title: string;
  /** Of whom these figures are, where they are not ours; shown folded and set apart. */
  readonly quoted?: string;
  /** In the order in which they are shown. */
  readonly columns: readonly TableColumn[];
  /** One record a row; a missing value shows as a dash. */
  readonly rows: readonly Readonly<Record<string, string | number | undefined>>[];
}
