/** A line chart as SVG. @module */

/** Lines of one role. */
export interface Lines {
  /** Class of the role: `lora`, `full`, `base`, `target`. */
  readonly role: string;
  /** Places, x and y, of each line. */
  readonly lines: readonly (readonly (readonly [x: number, y: number])[])[];
}

/** The parts of a drawing. */
export interface Chart {
  readonly lines: readonly Lines[];
  /** Horizontal dashed lines. */
  readonly marks: readonly { readonly y: number; readonly role: string; readonly label: string }[];
  /** Extents; y may be on a log scale. */
  readonly x: readonly [from: number, to: number];
  readonly y: readonly [from: number, to: number];
  readonly log?: boolean;
  /** Names of the axes. */
  readonly names: readonly [x: string, y: string];
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

const margin = { top: 24, bottom: 34, left: 44 };

/** The margin at the right: marks have labels there. */
const rightOf = ({ marks }: Chart) => marks.length > 0 ? 62 : 12;

/** About the most points that a line is drawn with. */
const mostPoints = 160;

/** The content of two SVGs: axes and marks, and inside of them the lines, which end at the edges. */
export interface Drawing {
  readonly frame: string;
  readonly lines: string;
}

/** Draws a chart; while only lines grow, the frame stays the same text. */
export function drawChart(chart: Chart): Drawing {
  const place = placer(chart), { width, height } = chart;
  const [left, top] = [margin.left, margin.top].map((at) => at - 4);
  const box = [left, top, width - rightOf(chart) + 4 - left, height - margin.bottom + 4 - top];
  const [x, y, w, h] = box;
  const labels = labelHeights(chart, place);
  const marks = chart.marks.map((mark, i) => markSvg(mark, labels[i], chart, place));
  const inner = `<svg x="${x}" y="${y}" width="${w}" height="${h}" viewBox="${
    box.join(" ")
  }"></svg>`;
  return {
    frame: [...axes(chart, place), ...marks, inner].join(""),
    lines: chart.lines.map((line) => linesSvg(line, place)).join(""),
  };
}

type Place = (x: number, y: number) => readonly [number, number];

function placer(chart: Chart): Place {
  const { x: [x0, x1], y: [y0, y1], log, width, height } = chart;
  const scale = log ? Math.log10 : (value: number) => value;
  const [low, high] = [scale(y0), scale(y1)];
  const right = width - rightOf(chart), bottom = height - margin.bottom;
  return (x, y) => [
    margin.left + (right - margin.left) * (x - x0) / (x1 - x0 || 1),
    bottom - (bottom - margin.top) * (scale(log ? Math.max(y0, y) : y) - low) / (high - low || 1),
  ];
}

/** All lines of a role in one path, and their ends in another. */
function linesSvg({ role, lines }: Lines, place: Place): string {
  const paths = lines.filter((points) => points.length > 0).map((points) => {
    const every = Math.ceil(points.length / mostPoints), last = points.length - 1;
    const kept = points.filter((_, i) => i % every === 0 || i === last);
    return kept.map(([x, y]) => place(x, y).map((at) => at.toFixed(1)).join(","));
  });
  const ends = paths.map((path) => `M${path.at(-1)}h0`).join("");
  return `<path class="line ${role}" d="${paths.map((path) => `M${path.join("L")}`).join("")}"/>` +
    `<path class="ends ${role}" d="${ends}"/>`;
}

/** The least distance of two labels: the height of their letters with subscripts. */
const labelGap = 16;

/** Heights of the labels of the marks: beside their marks, or as far off as others need the room. */
function labelHeights({ marks, x, y: [lowest] }: Chart, place: Place): number[] {
  const heights = marks.map(({ y }) => place(x[0], y)[1]);
  const order = marks.keys().filter((i) => marks[i].label).toArray()
    .sort((one, other) => heights[one] - heights[other]);
  let above = -Infinity, below = place(x[0], lowest)[1] + labelGap;
  for (const i of order) above = heights[i] = Math.max(heights[i], above + labelGap);
  for (const i of order.reverse()) below = heights[i] = Math.min(heights[i], below - labelGap);
  return heights;
}

function markSvg(
  { y, role, label }: Chart["marks"][number],
  labelHeight: number,
  chart: Chart,
  place: Place,
): string {
  const { x: [x0, x1], width } = chart;
  const [left, height] = place(x0, y), [right] = place(x1, y);
  return `<line class="mark ${role}" x1="${left}" x2="${right}" y1="${height}" y2="${height}"/>` +
    `<text x="${width - rightOf(chart) + 6}" y="${labelHeight + 4}">${label}</text>`;
}

function axes(chart: Chart, place: Place): string[] {
  const { x, y, log, names, width, height } = chart;
  const bottom = height - margin.bottom, right = width - rightOf(chart);
  const rows = (log ? logTicks(y) : ticks(y)).map((value) => {
    const [, at] = place(x[0], value);
    return `<line class="grid" x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}"/>` +
      `<text class="tick" x="${margin.left - 6}" y="${at + 4}" text-anchor="end">${
        short(value)
      }</text>`;
  });
  const columns = steps(x).map((value) => {
    const [at] = place(value, y[0]);
    return `<text class="tick" x="${at}" y="${bottom + 16}" text-anchor="middle">${
      short(value)
    }</text>`;
  });
  const words = [
    `<text class="name" x="${(margin.left + right) / 2}" y="${height - 4}" text-anchor="middle">${
      names[0]
    }</text>`,
    `<text class="name" x="4" y="13">${names[1]}</text>`,
  ];
  return [...rows, ...columns, ...words];
}

/** About five round values. */
export function ticks([from, to]: readonly [number, number]): number[] {
  const rough = (to - from) / 5, power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough)!;
  const first = Math.ceil(from / step), count = Math.floor(to / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Round whole numbers, and where the axis begins. */
function steps(x: readonly [number, number]): number[] {
  const whole = ticks(x).filter(Number.isInteger), [first, second = first] = whole;
  return first - x[0] > (second - first) / 4 ? [x[0], ...whole] : whole;
}

/** Powers of ten; between two of them 2 and 5 times the first, or values as on another axis. */
function logTicks(y: readonly [number, number]): number[] {
  const tens = powers(y);
  if (tens.length > 1) return tens;
  const low = 10 ** Math.floor(Math.log10(y[0])),
    inside = [1, 2, 5, 10, 20, 50, 100]
      .map((times) => Number((times * low).toPrecision(12)))
      .filter((value) => value >= y[0] && value <= y[1]);
  return inside.length > 1 ? inside : ticks(y);
}

/** Powers of ten, every second of many. */
function powers([from, to]: readonly [number, number]): number[] {
  const low = Math.ceil(Math.log10(from) - 1e-9), high = Math.floor(Math.log10(to) + 1e-9);
  const every = Math.ceil((high - low + 1) / 5);
  const all = Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => high - i);
  return all.filter((_, i) => i % every === 0).map((power) => 10 ** power);
}

/** Short text of a number: 0.001, 12, 1e-6. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e4 || size > 0 && size < 1e-3) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(6)));
}
