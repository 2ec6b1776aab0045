/**
 * Figures and tables as plain data that every page and notebook can draw: their types, the palette,
 * the layout that every figure starts with, and figures that a slider steps through.
 *
 * @module
 */

// Figures and tables.

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

/** The slider of a figure: a range if all labels are numbers, otherwise a choice. */
export interface FigureSlider {
  /** Name of the value that it changes. */
  readonly name: string;
  /** Its steps, at least one; the first is drawn where nothing can move. */
  readonly steps: readonly SliderStep[];
}

/** A plotly specification with title and caption. */
export interface Figure {
  /** Unique in its report; also the anchor. */
  readonly id: string;
  /** Heading, one line. */
  readonly title: string;
  /** Content of the drawing, number of seeds, and device. */
  readonly caption: string;
  /** Traces, as plotly takes them. */
  readonly data: readonly Trace[];
  /** Layout, as plotly takes it. */
  readonly layout: Layout;
  /** Steps that replace the traces, moved without a kernel. */
  readonly slider?: FigureSlider;
}

/**
 * Format of a column. `number` shows whole numbers with all digits and others with six, `share`
 * shows three digits, `verdict` is colored, `math` is a formula in TeX, and `data` is for programs
 * alone: it is in the table's rows and files, and not printed.
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
  | "math"
  | "data";

/** A column of a table. */
export interface TableColumn {
  /** Key of a row's value. */
  readonly key: string;
  /** Heading, with the unit of the numbers if they have one. */
  readonly label: string;
  /** A heading above those of neighboring columns that have it in common. */
  readonly group?: string;
  /** Format of its values. */
  readonly unit: Unit;
  /** Key of the small print below each value. */
  readonly detail?: string;
}

/** Columns and rows. */
export interface DataTable {
  /** Unique in its report. */
  readonly id: string;
  /** Heading, one line. */
  readonly title: string;
  /** The source, if the numbers are not ours; the table is then folded and set apart. */
  readonly quoted?: string;
  /** The columns, in the order shown. */
  readonly columns: readonly TableColumn[];
  /** One record per row; a missing value is shown as a dash. */
  readonly rows: readonly Readonly<Record<string, string | number | undefined>>[];
}

// Colors.

/** Colors of what is compared. */
export const palette = {
  base: "#6b7280",
  full: "#d55e00",
  lora: ["#56b4e9", "#0072b2", "#003f6b"],
  merged: "#009e73",
  paper: "#a16207",
  /** Ends of a signed scale beside these: positive, negative. */
  signed: ["#7b3294", "#b8860b"],
  /** Things of one kind, in any order. */
  series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"],
} as const;

/** A kind of method: how its names begin, and its colors, which methods of one kind take in turn. */
interface MethodKind {
  readonly names: RegExp;
  readonly shades: readonly string[];
}

/** The kinds of methods that figures compare; a name is of the first kind that fits. */
export const methodKinds = {
  baseline: { names: /^(the )?base\b/i, shades: [palette.base, "#a3a3a3"] },
  full: { names: /^(full|FT)\b(?![ -]rank)/i, shades: [palette.full, "#8a3c00"] },
  "LoRA and prefix": { names: /^LoRA\b.* and prefix/i, shades: ["#7b3294", "#b07cc6"] },
  LoRA: {
    names: /^LoRA\b(?![+-])/i,
    shades: [palette.lora[1], palette.lora[0], palette.lora[2]],
  },
  merged: { names: /^merged\b/i, shades: [palette.merged, "#7fd1b9"] },
  biases: { names: /^(BitFit|biases)\b/i, shades: [palette.series[3], "#7d3560"] },
  adapter: { names: /^adapter(s| layers?)\b/i, shades: [palette.series[4], "#8a5a00"] },
  prefix: { names: /^prefix\b/i, shades: [palette.series[2], "#00563f"] },
} as const satisfies Readonly<Record<string, MethodKind>>;

const kinds: readonly MethodKind[] = Object.values(methodKinds);

/**
 * Colors by name, so that a method has its own in every figure: those of its kind, and for all other names the
 * series in its order, without what a method of the figure has.
 */
export function colorsOf(names: readonly string[]): string[] {
  const colors: string[] = [];
  const give = (kind: MethodKind | undefined, shadesFor: (count: number) => readonly string[]) => {
    const places = names.flatMap((name, place) => kindOf(name) === kind ? [place] : []);
    const shades = shadesFor(places.length);
    places.forEach((place, i) => colors[place] = shades[i % shades.length]);
  };
  const unused = (color: string) => !colors.includes(color);
  for (const kind of kinds) {
    const free = kind.shades.filter(unused);
    give(kind, (count) => count <= free.length ? free : mixed(kind.shades, count));
  }
  give(undefined, () => [...palette.series, ...palette.signed].filter(unused));
  return colors;
}

/** The kind of method that a name in a figure is of, if it is one. */
export const kindOf = (name: string): MethodKind | undefined =>
  kinds.find(({ names }) => names.test(name));

/** Colors from the last but one of some to the last. */
export function mixed(colors: readonly string[], count: number): string[] {
  const [from, to] = colors.slice(-2).map((hex) =>
    [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  );
  return Array.from({ length: count }, (_, i) => {
    const parts = from.map((one, c) => Math.round(one + i / (count - 1) * (to[c] - one)));
    return `rgb(${parts.join()})`;
  });
}

/** Colors of the memory roles, in the ledger's order. */
export const roleColors: Readonly<Record<string, string>> = {
  weight: "#6b7280",
  quantized: "#a3a3a3",
  adapter: "#0072b2",
  gradient: "#e69f00",
  optimizer: "#7b3294",
  activation: "#009e73",
  scratch: "#cc79a7",
};

/** Colors of AdamW, SGD, momentum, 8-bit Adam and Adafactor. */
export const optimizerColors: readonly string[] = [
  "#d55e00",
  "#6b7280",
  "#e69f00",
  "#0072b2",
  "#009e73",
];

// Layout.

/** Grid and ticks. */
const line = "#e6e8ee";

/** An axis with a title that names its unit. */
export function axis(title: string, more: Axis = {}): Axis {
  return {
    title: { text: title, standoff: 10 },
    automargin: true,
    gridcolor: line,
    ticks: "outside",
    ticklen: 4,
    tickcolor: line,
    zeroline: false,
    ...more,
  };
}

/** A logarithmic axis; its labels are whole numbers, such as 20 and 50, where powers of ten are too few. */
export function logAxis(title: string, more: Axis = {}): Axis {
  return axis(title, { type: "log", nticks: 4, tickformat: ",~r", ...more });
}

/** A logarithmic axis of large counts, from 1k to 100B, with a label at each power of ten. */
export function logCountAxis(title: string, more: Axis = {}): Axis {
  return axis(title, { type: "log", dtick: 1, ...more });
}

/** Most whole numbers that have a tick each. */
const mostTicks = 10;

/** An axis of whole numbers: indices, ranks. */
export function indexAxis(title: string, from: number, to: number): Axis {
  const ticks = to - from < mostTicks ? { tick0: from, dtick: 1 } : {};
  return axis(title, { range: [from - 0.5, to + 0.5], ...ticks });
}

/** White paper, room for axis titles, a legend above the plot. */
export function baseLayout(
  x: Axis,
  y: Axis,
  more: Layout = {},
): Layout {
  return {
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    colorway: palette.series,
    font: { family: "system-ui, sans-serif", size: 13, color: "#1f2430" },
    margin: { t: 40, r: 20, b: 64, l: 60 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" },
    xaxis: x,
    yaxis: y,
    height: 420,
    ...more,
  };
}

// Traces and axes, as plotly takes them.

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
  /** Kind of drawing. */
  readonly type: TraceType;
  /** Name in the legend. */
  readonly name?: string;
  /** Places across, or lengths of horizontal bars. */
  readonly x?: Values;
  /** Heights, or places down. */
  readonly y?: Values;
  /** Rows of a heat map, the first one at the lowest y. */
  readonly z?: readonly Values[];
  /** Marks of a scatter trace. */
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
  /** Quantity on the axis, with the unit. */
  readonly title?: Title;
  /** Scale. */
  readonly type?: "linear" | "log" | "category" | "date" | "multicategory" | "-";
  /** Start and end; powers of ten on a logarithmic axis. */
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

/** Ticks at these values alone, each with its text. */
export const ticksAt = (
  values: readonly number[],
  textOf: (value: number) => string = String,
): Pick<Axis, "tickvals" | "ticktext"> => ({
  tickvals: [...values],
  ticktext: values.map((value) => textOf(value)),
});

/** The horizontal axes of two panels side by side, which share the vertical one. */
export const leftPanel: Axis = { domain: [0, 0.47], anchor: "y" };

/** See {@link leftPanel}. */
export const rightPanel: Axis = { domain: [0.53, 1], anchor: "y" };

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

// Figures with a slider.

/** Contents of a slider figure. */
export interface SliderOptions extends FigureSlider, Pick<Figure, "id" | "title" | "caption"> {
  /** The layout of all steps that have none of their own. Default: that of the first. */
  readonly layout?: Layout;
}

/** Pixels: with its slider and a line of text, a figure of this height fits on a small laptop's screen. */
const mostHeight = 260;

/** A figure that is low enough to be seen together with what moves it. */
export function besideSlider(figure: Figure): Figure {
  const height = Math.min(mostHeight, Number(figure.layout.height ?? mostHeight));
  return { ...figure, layout: { ...figure.layout, height } };
}

/**
 * A figure that contains all its steps: the slider works without a kernel, after a reload and in an
 * exported page. A still picture shows the first step. It is at most 260 pixels high.
 *
 * Axes keep the range given in `layout`; without one they adapt to each step. A step may be a figure with a
 * layout of its own.
 *
 * @throws {RangeError} when there is no step, or two steps have the same label.
 *
 * @example
 * ```ts
 * import { axis, baseLayout, sliderFigure } from "@lowrank/core/figures";
 *
 * const figure = sliderFigure({
 *   id: "line",
 *   title: "A line",
 *   caption: "y = slope · x.",
 *   name: "slope",
 *   steps: [1, 2, 3].map((slope) => ({
 *     label: String(slope),
 *     data: [{ type: "scatter", x: [0, 1], y: [0, slope] }],
 *   })),
 *   layout: baseLayout(axis("x"), axis("y", { range: [0, 3] })),
 * });
 * console.log(figure.slider?.steps.length); // 3
 * ```
 */
export function sliderFigure({ name, steps, ...words }: SliderOptions): Figure {
  checkSteps(words.id, steps);
  const { data, layout = words.layout ?? {} } = steps[0];
  return besideSlider({ ...words, data, layout, slider: { name, steps } });
}

/** A step that needs no other. */
export interface WholeStep {
  /** Its traces. */
  readonly data: Trace[];
  /** Its layout. */
  readonly layout: Layout;
}

/** The data and layout of each step, all of one height. */
export function wholeSteps({ steps }: FigureSlider, layout: Layout): WholeStep[] {
  return steps.map((step) => ({
    data: step.data.map((trace, i) => ({ ...steps[0].data[i], ...trace })),
    layout: step.layout ? { ...step.layout, height: layout.height } : layout,
  }));
}

function checkSteps(id: string, steps: readonly SliderStep[]): void {
  if (steps.length === 0) throw new RangeError(`cannot make the figure "${id}": it has no steps`);
  const labels = steps.map(({ label }) => label);
  const twice = labels.find((label, place) => labels.indexOf(label) !== place);
  if (twice !== undefined) {
    throw new RangeError(`cannot make the figure "${id}": two steps have the label "${twice}"`);
  }
}
