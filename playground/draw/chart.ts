/** A line chart as SVG. @module */

/** One line. */
export interface Line {
  /** Places, x and y. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Class of the role: `lora`, `full`, `base`, `target`. */
  readonly role: string;
  /** Written at its right end. */
  readonly label?: string;
}

/** What is drawn. */
export interface Chart {
  readonly lines: readonly Line[];
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

const margin = { top: 24, right: 62, bottom: 34, left: 44 };

/** Most points that a line is drawn with. */
const mostPoints = 240;

/** The SVG's content. */
export function chartSvg(chart: Chart): string {
  const place = placer(chart), { width, height } = chart;
  const [left, top, right, bottom] = [
    ...[margin.left, margin.top].map((at) => at - 4),
    ...[width - margin.right, height - margin.bottom].map((at) => at + 4),
  ];
  const box = [left, top, right - left, bottom - top], [x, y, w, h] = box;
  return [
    ...frame(chart, place),
    ...chart.marks.map((mark) => markSvg(mark, chart, place)),
    // What is in an SVG of its own ends at its edges.
    `<svg x="${x}" y="${y}" width="${w}" height="${h}" viewBox="${box.join(" ")}">`,
    ...chart.lines.map((line) => lineSvg(line, place)),
    "</svg>",
  ].join("");
}

type Place = (x: number, y: number) => readonly [number, number];

function placer({ x: [x0, x1], y: [y0, y1], log, width, height }: Chart): Place {
  const scale = log ? Math.log10 : (value: number) => value;
  const [low, high] = [scale(y0), scale(y1)];
  const right = width - margin.right, bottom = height - margin.bottom;
  return (x, y) => [
    margin.left + (right - margin.left) * (x - x0) / (x1 - x0 || 1),
    bottom - (bottom - margin.top) * (scale(log ? Math.max(y0, y) : y) - low) / (high - low || 1),
  ];
}

function lineSvg({ points, role }: Line, place: Place): string {
  if (points.length === 0) return "";
  const every = Math.ceil(points.length / mostPoints), last = points.length - 1;
  const kept = points.filter((_, i) => i % every === 0 || i === last);
  const path = kept.map(([x, y]) => place(x, y).map((at) => at.toFixed(1)).join(","));
  const [x, y] = place(...points[last]);
  return `<polyline class="line ${role}" points="${path.join(" ")}"/>` +
    `<circle class="end ${role}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>`;
}

function markSvg(
  { y, role, label }: Chart["marks"][number],
  { x: [x0, x1], width }: Chart,
  place: Place,
): string {
  const [left, height] = place(x0, y), [right] = place(x1, y);
  return `<line class="mark ${role}" x1="${left}" x2="${right}" y1="${height}" y2="${height}"/>` +
    `<text x="${width - margin.right + 6}" y="${height + 4}">${label}</text>`;
}

function frame({ x, y, log, names, width, height }: Chart, place: Place): string[] {
  const bottom = height - margin.bottom, right = width - margin.right;
  const rows = (log ? powers(y) : ticks(y)).map((value) => {
    const [, at] = place(x[0], value);
    return `<line class="grid" x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}"/>` +
      `<text class="tick" x="${margin.left - 6}" y="${at + 4}" text-anchor="end">${
        short(value)
      }</text>`;
  });
  const columns = ticks(x).map((value) => {
    const [at] = place(value, y[0]);
    return `<text class="tick" x="${at}" y="${bottom + 16}" text-anchor="middle">${
      short(value)
    }</text>`;
  });
  const axes = [
    `<text class="name" x="${(margin.left + right) / 2}" y="${height - 4}" text-anchor="middle">${
      names[0]
    }</text>`,
    `<text class="name" x="4" y="13">${names[1]}</text>`,
  ];
  return [...rows, ...columns, ...axes];
}

/** About five round values. */
export function ticks([from, to]: readonly [number, number]): number[] {
  const rough = (to - from) / 5, power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough)!;
  const first = Math.ceil(from / step), count = Math.floor(to / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
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
