/**
 * The part of plotly's specification that our figures use. Other attributes are passed on; plotly's own
 * validation reports unknown ones when a figure is drawn.
 *
 * @module
 */

/** Values along an axis: numbers, categories, or `null` for a gap. */
export type Values =
  | readonly (number | string | null | undefined)[]
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array;

/** The kinds of trace that the pinned library draws. */
export type TraceType =
  | "scatter"
  | "bar"
  | "heatmap"
  | "contour"
  | "histogram"
  | "box"
  | "violin";

/** One trace of a plot: a line, bars, a heat map. */
export interface Trace {
  /** What is drawn. */
  readonly type: TraceType;
  /** In the legend. */
  readonly name?: string;
  /** Places across, or lengths of horizontal bars. */
  readonly x?: Values;
  /** Heights, or places down. */
  readonly y?: Values;
  /** Rows of a heat map, the first one at the lowest y. */
  readonly z?: readonly Values[];
  /** How a scatter trace shows its points. */
  readonly mode?: "lines" | "markers" | "lines+markers" | "text" | "markers+text";
  /** Horizontal or vertical bars. */
  readonly orientation?: "h" | "v";
  /** Color, width in pixels, dashes. */
  readonly line?: {
    /** Any CSS color. */
    readonly color?: string;
    /** Pixels. */
    readonly width?: number;
    /** Pattern. */
    readonly dash?: "solid" | "dot" | "dash" | "longdash" | "dashdot";
    /** Further attributes. */
    readonly [attribute: string]: unknown;
  };
  /** Further attributes. */
  readonly [attribute: string]: unknown;
}

/** Text with its position or font. */
export interface Title {
  /** The text. */
  readonly text: string;
  /** Further attributes. */
  readonly [attribute: string]: unknown;
}

/** An axis. */
export interface Axis {
  /** What it measures, with the unit. */
  readonly title?: Title;
  /** Scale. */
  readonly type?: "linear" | "log" | "category" | "date" | "multicategory" | "-";
  /** From and to; powers of ten on a logarithmic axis. */
  readonly range?: readonly [from: number | null, to: number | null];
  /** Share of the figure's width or height. */
  readonly domain?: readonly [from: number, to: number];
  /** Places of ticks. */
  readonly tickvals?: Values;
  /** Labels of these ticks. */
  readonly ticktext?: readonly string[];
  /** Further attributes. */
  readonly [attribute: string]: unknown;
}

/** Everything around the traces. */
export interface Layout {
  /** The first horizontal axis; a second one is `xaxis2`. */
  readonly xaxis?: Axis;
  /** The first vertical axis. */
  readonly yaxis?: Axis;
  /** Pixels. */
  readonly height?: number;
  /** Pixels around the plot. */
  readonly margin?: {
    /** Above. */
    readonly t?: number;
    /** Right. */
    readonly r?: number;
    /** Below. */
    readonly b?: number;
    /** Left. */
    readonly l?: number;
  };
  /** Above the plot; a figure's title is {@link Figure.title} instead. */
  readonly title?: Title;
  /** Further attributes. */
  readonly [attribute: string]: unknown;
}
