/** Figures and tables: plain data that every page and notebook can draw. @module */

import type { Layout, Trace } from "./plotly_types.ts";

/** One position of a slider. */
export interface SliderStep {
  /** The value at this position, as the slider shows it. */
  readonly label: string;
  /** The traces: the same number at every position. What a step does not name is as in the first. */
  readonly data: readonly Trace[];
  /** Its axes, if they are not those of the figure. */
  readonly layout?: Layout;
  /** A line about this position, above the plot. */
  readonly caption?: string;
}

/** What a reader steps through: a range if all labels are numbers, otherwise a choice. */
export interface FigureSlider {
  /** What it changes. */
  readonly name: string;
  /** At least one; the first is drawn where nothing can move. */
  readonly steps: readonly SliderStep[];
}

/** A plotly specification with title and caption. */
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
  /** Steps that replace the traces, moved without a kernel. */
  readonly slider?: FigureSlider;
}

/**
 * How a column is printed. `number` shows whole numbers with all digits and others with six, `share`
 * shows three digits, `verdict` is colored, and `math` is a formula in TeX.
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
  /** Heading, with the unit of the numbers if they have one. */
  readonly label: string;
  /** A heading above those of neighboring columns that have it in common. */
  readonly group?: string;
  /** How its values are printed. */
  readonly unit: Unit;
  /** Key of the small print below each value. */
  readonly detail?: string;
}

/** Columns and rows. */
export interface DataTable {
  /** Unique in its report. */
  readonly id: string;
  /** One line. */
  readonly title: string;
  /** The source, if the numbers are not ours; the table is then folded and set apart. */
  readonly quoted?: string;
  /** The columns, in the order shown. */
  readonly columns: readonly TableColumn[];
  /** One record per row; a missing value is shown as a dash. */
  readonly rows: readonly Readonly<Record<string, string | number | undefined>>[];
}
