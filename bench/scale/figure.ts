/** Time and bytes by each quantity, on logarithmic axes: a panel for each, with exponents. @module */

import { grouped } from "../../src/core/numbers.ts";
import { axis, baseLayout, type Figure, formatBytes, palette } from "../../src/figures/mod.ts";
import { framed, plotSvg } from "../../src/figures/still.ts";
import type { Axis, Trace } from "../../src/figures/figure.ts";
import { exponentOf, type Place, type ScaleResult, type Series } from "./result.ts";
import { type Sweep, sweeps } from "./sweeps.ts";
import { labels, placesOf, timesOf } from "./table.ts";

/** A measured curve with what theory says of it. */
interface Curve {
  readonly label: string;
  readonly color: string;
  /** Dots of time, diamonds of bytes. */
  readonly symbol: "circle" | "diamond";
  readonly measured: readonly Place[];
  readonly theory: readonly Place[];
}

/** A panel of the grid. */
interface Panel {
  readonly sweep: Sweep;
  readonly unit: string;
  readonly curves: readonly Curve[];
}

const columns = 5, width = 1300, panelHeight = 190, gapDown = 62, gapAcross = 0.045;

const [, orange, green, pink] = palette.series, [light, dark] = palette.lora;
const colors = {
  lora: { cpu: light, blas: dark },
  full: { cpu: orange, blas: orange },
  spectra: { cpu: pink, blas: green },
};

const timeCurve = (series: Series): Curve => ({
  label: labels[`${series.work} ${series.variant}`],
  color: colors[series.work][series.variant],
  symbol: "circle",
  ...timesOf(series),
});

/** Bytes of both devices are the same. */
function bytesCurves(series: readonly Series[]): Curve[] {
  return series.filter(({ variant }) => variant === "blas").flatMap((own): Curve[] => {
    const of = (key: "peak" | "trained", label: string, color: string): Curve => ({
      ...{ label, color, symbol: "diamond" },
      measured: placesOf(own, ({ bytes }) => bytes![key]),
      theory: placesOf(own, ({ count }) => count.step!.bytes[key]),
    });
    if (own.work === "full") return [of("peak", "bytes at the peak, all weights", orange)];
    const trained = of("trained", "of these what is trained, LoRA", light);
    return [of("peak", "bytes at the peak, LoRA", dark), trained];
  });
}

/** Rows of time and of bytes alternate. */
function panelsOf(
  { series }: ScaleResult,
): (Panel & { readonly id: number; readonly x: number; readonly y: number })[] {
  const panels = sweeps.flatMap((sweep, i) => {
    const own = series.filter(({ sweep: name }) => name === sweep.name);
    const x = i % columns, y = 2 * Math.floor(i / columns), isSteps = "at" in sweep;
    if (own.length === 0) return [];
    const time = {
      ...{ sweep, x, y },
      unit: isSteps ? "ms a step" : "ms",
      curves: own.map(timeCurve),
    };
    return isSteps
      ? [time, { sweep, x, y: y + 1, unit: "bytes", curves: bytesCurves(own) }]
      : [time];
  });
  return panels.map((panel, i) => ({ ...panel, id: i + 1 }));
}

/** Plotly's first axis has no number. */
const suffix = (id: number): string => id === 1 ? "" : String(id);

const logs = (curves: readonly Curve[]) =>
  curves.flatMap(({ measured, theory }) => [...measured, ...theory].map(([, y]) => Math.log10(y)));

/** Room above the curves for the exponents, and at least a decade, so that flat curves look flat. */
function rising({ curves, unit }: Panel): Axis {
  const all = logs(curves), low = Math.min(...all), span = Math.max(1, Math.max(...all) - low);
  const range = [low - 0.06 * span, low + (1.1 + 0.13 * curves.length) * span] as const;
  const tickvals = ticksIn(...range), text = unit === "bytes" ? formatBytes : grouped;
  const ticktext = tickvals.map((value) => text(value).replace(/\.0+ /, " "));
  return axis("", { type: "log", range, tickvals, ticktext });
}

/** Powers of ten, and where they are few also twice and five times as much. */
function ticksIn(from: number, to: number): number[] {
  const powers = Array.from({ length: Math.ceil(to - from) + 1 }, (_, i) => Math.floor(from) + i);
  const ticks = powers.flatMap((power) =>
    (to - from < 2 ? [1, 2, 5] : [1]).map((times) => Number(`${times}e${power}`))
  );
  return ticks.filter((tick) => tick >= 10 ** from && tick <= 10 ** to);
}

/** Four of the values have ticks, about equally far apart. */
function across({ sweep: { quantity, values } }: Panel): Axis {
  const places = values.map(Math.log10), [from, to] = [places[0], places.at(-1)!];
  const tickvals = [0, 1, 2, 3].map((i) => {
    const distances = places.map((place) => Math.abs(place - from - i * (to - from) / 3));
    return values[distances.indexOf(Math.min(...distances))];
  });
  const room = 0.04 * (to - from), range = [from - room, to + room] as const;
  return axis(quantity, {
    ...{ type: "log", range, tickvals, ticktext: tickvals.map(grouped), tickangle: 0 },
  });
}

const places = (curve: readonly Place[]) => ({
  x: curve.map(([x]) => x),
  y: curve.map(([, y]) => y),
});

/** Dots for what was measured, and theory's line; each label is in the legend once. */
function traces(curves: readonly Curve[], id: number, known: Set<string>): Trace[] {
  const axes = { xaxis: `x${suffix(id)}`, yaxis: `y${suffix(id)}` };
  return curves.flatMap(({ label, color, symbol, measured, theory }): Trace[] => {
    const showlegend = !known.has(label),
      group = { legendgroup: label, ...axes, type: "scatter" as const };
    known.add(label);
    return [
      {
        ...group,
        ...places(theory),
        mode: "lines",
        line: { color, width: 1.2, dash: "dot" },
        showlegend: false,
      },
      {
        ...group,
        ...places(measured),
        mode: "markers",
        marker: { color, size: symbol === "circle" ? 6 : 7, symbol },
        name: label,
        showlegend,
      },
    ];
  });
}

/** `n^1.87 (theory 1.93)` for every curve, in its color. */
function exponents(curves: readonly Curve[], id: number) {
  return curves.map(({ color, measured, theory }, i) => ({
    text: `<span style="color:${color}">■</span> n<sup>${exponentOf(measured).toFixed(2)}</sup> ` +
      `(theory ${exponentOf(theory).toFixed(2)})`,
    ...{
      x: 0.03,
      y: 0.99 - 0.115 * i,
      xref: `x${suffix(id)} domain`,
      yref: `y${suffix(id)} domain`,
    },
    ...{ xanchor: "left", yanchor: "top", showarrow: false, font: { size: 12 } },
  }));
}

/** The figure as data. */
export function scaleSpecification(result: ScaleResult): Figure {
  const panels = panelsOf(result), rows = Math.max(...panels.map(({ y }) => y)) + 1;
  const height = rows * (panelHeight + gapDown), known = new Set<string>();
  const size = (1 - gapAcross * (columns - 1)) / columns;
  const axes = panels.flatMap((panel) => {
    const { id, x, y, unit } = panel, left = x * (size + gapAcross);
    const top = 1 - y * (panelHeight + gapDown) / (height - gapDown);
    const domain = [top - panelHeight / (height - gapDown), top] as const, anchor = suffix(id);
    const first = x === 0 || panels.every((other) => other.x !== x - 1 || other.unit !== unit);
    return [
      [`xaxis${anchor}`, { ...across(panel), domain: [left, left + size], anchor: `y${anchor}` }],
      [`yaxis${anchor}`, {
        ...{ ...rising(panel), domain, anchor: `x${anchor}` },
        title: { text: first ? unit : "", standoff: 6 },
      }],
    ];
  });
  return {
    id: "scale",
    title: "How time and memory grow: a training step of a GPT-2, and the spectra of updates",
    caption: captionOf(result),
    data: panels.flatMap(({ curves, id }) => traces(curves, id, known)),
    layout: baseLayout({}, {}, {
      ...Object.fromEntries(axes),
      annotations: panels.flatMap(({ curves, id }) => exponents(curves, id)),
      font: { family: "system-ui, sans-serif", size: 12, color: "#1f2430" },
      // Spectra have no bytes, so there is room below their times.
      legend: {
        orientation: "v",
        x: 2.3 * (size + gapAcross),
        y: panelHeight / height,
        yanchor: "top",
        font: { size: 14 },
      },
      margin: { t: 10, r: 16, b: 56, l: 64 },
      height: height + 10,
    }),
  };
}

function captionOf({ machine, date, rounds, note }: ScaleResult): string {
  return "All but what grows: width 256, 4 blocks, 4 x 64 tokens, vocabulary 1,024, LoRA of rank 8 on all 16 linear layers, " +
    "AdamW; spectra of 4 updates of 1,024 x 1,024, rank 16. Dots: measured, the least of " +
    `${rounds} processes' least times, and the ledger's peak. Dotted lines: theory; of time, the multiplications and ` +
    "additions of all launched kernels at the mean speed of the upper half, so that costs that do not grow show as dots above it at the " +
    "small end; of bytes, what the dry device predicts. Exponents are fitted to both over the upper half of the values. " +
    `${[machine, date, note].filter(Boolean).join(", ")}.`;
}

/** The figure as a picture. */
export async function scaleFigure(result: ScaleResult): Promise<string> {
  const figure = scaleSpecification(result);
  return framed(await plotSvg(figure, width), figure);
}
