/**
 * The picture of the first page: a run of the playground's first settings, computed by the library, as an SVG that
 * moves. `#still` shows its end.
 *
 * @module
 */

import { largestOf } from "../../src/core/numbers.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { escapeHtml } from "../../src/figures/html.ts";
import { pictureStyle, shadeOf } from "../../src/figures/pictures.ts";
import { encodePng } from "../../src/figures/still.ts";
import { type LessonReading, openLesson } from "../../src/lesson/mod.ts";
import { type DenseMatrix, difference, sum } from "../../src/linalg/mod.ts";
import { drawChart } from "../../playground/draw/chart.ts";
import { rgb } from "../../playground/draw/heatmap.ts";
import { lossChart, type Spectrum, spectrumChart } from "../../playground/views/charts.ts";

/** Steps of the run, steps between two pictures, and seconds of the run and of its end. */
const steps = 200, every = 4, seconds = 5, rest = 2;

/** All that the picture shows. */
export interface Run {
  readonly readings: readonly LessonReading[];
  readonly spectra: readonly Spectrum[];
}

/** Trains LoRA and full fine-tuning on the playground's first task. */
export async function firstRun(): Promise<Run> {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using lesson = await openLesson(device);
  const readings = [await lesson.read()];
  while (lesson.steps < steps) {
    await lesson.train(every);
    readings.push(await lesson.read());
  }
  const spectra = readings.map(({ steps, lora, full }) => ({
    ...{ steps, lora: lora.values, full: full.values },
  }));
  return { readings, spectra };
}

// Maps.

/** A matrix in the course of the run; one that does not change has one picture. */
interface Film {
  readonly title: string;
  readonly role: string;
  readonly matrices: readonly DenseMatrix[];
}

function filmsOf({ readings }: Run): Film[] {
  const [{ base, shift }] = readings, learned = readings.map(({ lora }) => lora.matrix);
  return [
    { title: "W₀, frozen", role: "base", matrices: [base] },
    { title: "s·B·A, learned", role: "lora", matrices: learned },
    { title: "W₀ + s·B·A", role: "lora", matrices: learned.map((change) => sum(base, change)) },
    {
      title: "D − s·B·A, left",
      role: "target",
      matrices: learned.map((change) => difference(shift.matrix, change)),
    },
  ];
}

/** Shades of a color: fewer make a smaller file. */
const shades = 40;

/** Pictures of a matrix below each other, in one light. */
function strip(matrices: readonly DenseMatrix[], most: number, light: number): string {
  const [{ rows, columns }] = matrices, height = rows * matrices.length;
  const [positive, negative] = ["positive", "negative"].map((name) => colorOf(name, light));
  const data = new Uint8ClampedArray(4 * columns * height);
  matrices.flatMap(({ data }) => [...data]).forEach((value, at) => {
    const shade = Math.round(shades * shadeOf(value / most)) / shades;
    if (shade > 0) data.set([...value < 0 ? negative : positive, 255 * shade], 4 * at);
  });
  const picture = `data:image/png;base64,${encodePng({ width: columns, height, data }).toBase64()}`;
  return `<image class="film${
    matrices.length > 1 ? " moves" : ""
  } light${light}" width="${columns}" \
height="${height}" href="${picture}"/>`;
}

/** A color of the pictures on light paper, 0, or on dark, 1; one that is the same on both is named once. */
function colorOf(name: string, light: number) {
  const found = [...pictureStyle.matchAll(new RegExp(`--${name}: (#\\w+)`, "g"))];
  return rgb((found[light] ?? found[0])[1]);
}

/** A map with its title, in a square of this size. */
function mapSvg({ title, role, matrices }: Film, most: number, [x, y, size]: Box): string {
  const strips = [0, 1].map((light) => strip(matrices, most, light)).join("");
  return `<text class="title ${role}" x="${x}" y="${y - 7}">${escapeHtml(title)}</text>` +
    `<svg x="${x}" y="${y}" width="${size}" height="${size}" viewBox="0 0 16 16">${strips}</svg>` +
    `<rect class="edge" x="${x}" y="${y}" width="${size}" height="${size}"/>`;
}

type Box = readonly [x: number, y: number, size: number];

// Charts.

type Drawn = Parameters<typeof drawChart>[0];

/** A chart whose lines come with the steps. */
function chartSvg(chart: Omit<Drawn, "width" | "height">, place: ChartPlace): string {
  const { x, y, width, height, title } = place;
  const { frame, lines } = drawChart({ ...chart, width, height });
  const shown = frame.replace("></svg>", `><g class="comes">${lines}</g></svg>`);
  return `<text class="title" x="${x}" y="${y}">${title}</text>
<svg x="${x}" y="${y + 4}" width="${width}" height="${height}">${shown}</svg>`;
}

interface ChartPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
}

// The picture.

/** Its layout: for wide windows, or for narrow ones. */
export type Layout = "wide" | "narrow";

/** The picture, and its description. */
export function motionPicture(run: Run, layout: Layout): { svg: string; alt: string } {
  const [start] = run.readings, end = run.readings.at(-1)!, films = filmsOf(run);
  const most = Math.max(...[start.base, start.shift.matrix].map(({ data }) => largestOf(data)));
  const { size, maps, signs, charts } = layouts[layout], [width, height] = size;
  const drawn = films.map((film, i) => mapSvg(film, most, maps[i]));
  const charted = [spectrumChart(end, run.spectra), lossChart(end)]
    .map((chart, i) => charts[i] && chartSvg(chart, charts[i]));
  const between = signs.map(([x, y, sign]) =>
    `<text class="sign" x="${x}" y="${y}">${sign}</text>`
  );
  const alt = altOf(run);
  return {
    alt,
    svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" \
width="${width}" height="${height}" role="img" aria-label="${escapeHtml(alt)}">
<style>
${pictureStyle}
${styleOf(run)}
</style>
<rect class="paper" width="${width}" height="${height}" rx="10"/>
<g id="still">
${[...drawn, ...between, ...charted].join("\n")}
</g>
</svg>
`,
  };
}

const layouts: Record<
  Layout,
  {
    readonly size: readonly [number, number];
    readonly maps: readonly Box[];
    readonly signs: readonly (readonly [x: number, y: number, sign: string])[];
    readonly charts: readonly ChartPlace[];
  }
> = {
  wide: {
    size: [1080, 372],
    maps: [[20, 34, 138], [194, 34, 138], [368, 34, 138], [368, 216, 138]],
    signs: [[176, 110, "+"], [350, 110, "="]],
    charts: [
      { x: 14, y: 196, width: 346, height: 172, title: "Singular values, step by step" },
      { x: 540, y: 26, width: 530, height: 338, title: "Loss, step by step" },
    ],
  },
  narrow: {
    size: [400, 490],
    maps: [[14, 30, 104], [148, 30, 104], [282, 30, 104], [282, 176, 104]],
    signs: [[133, 88, "+"], [267, 88, "="]],
    charts: [
      { x: 6, y: 158, width: 270, height: 172, title: "Singular values" },
      { x: 6, y: 346, width: 388, height: 138, title: "Loss, step by step" },
    ],
  },
};

/** A description in numbers of the run. */
function altOf({ readings }: Run): string {
  const { loss, bounds, shift, lora } = readings.at(-1)!;
  const values = (all: Float64Array) =>
    [...all].slice(0, 4).map((value) => value.toFixed(2)).join(", ");
  return `LoRA of rank 4 learns a planted change D of a frozen 16 × 16 matrix W₀ in ${steps} steps: the loss \
falls from ${bounds.base.toPrecision(3)} to ${
    loss.lora.toPrecision(2)
  }, and the singular values of s·B·A \
come to ${values(lora.values)}; those of D are ${values(shift.values)}.`;
}

/** Films and charts move at one pace, and stop at the end; readers who want less motion see the end. */
function styleOf({ readings }: Run): string {
  const frames = readings.length - 1, end = `translate(0, ${-16 * frames}px)`;
  const part = (100 * seconds / (seconds + rest)).toFixed(1), all = `${seconds + rest}s`;
  const still =
    `.moves { animation: none; transform: ${end} } .comes { animation: none; clip-path: none }`;
  return `.paper { fill: var(--paper); stroke: var(--line) }
.edge { fill: none; stroke: var(--line) }
.film { image-rendering: pixelated }
.light1 { display: none }
@media (prefers-color-scheme: dark) { .light0 { display: none } .light1 { display: inline } }
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink) }
text.tick, text.name { font-size: 12px; fill: var(--soft) }
text.title { font-weight: 600 }
text.title:is(.base, .lora) { fill: var(--role) }
text.sign { font-size: 20px; text-anchor: middle }
.line, .mark { fill: none; stroke: var(--role); stroke-width: 1.75; stroke-linejoin: round }
.mark { stroke-dasharray: 4 4; stroke-width: 1.25 }
.ends { fill: none; stroke: var(--role); stroke-width: 6; stroke-linecap: round }
.moves { animation: film ${all} steps(${frames}) infinite }
.comes { animation: comes ${all} linear infinite }
@keyframes film { ${part}%, to { transform: ${end} } }
@keyframes comes { from { clip-path: inset(0 100% 0 0) } ${part}%, to { clip-path: inset(0 -1% 0 0) } }
@media (prefers-reduced-motion: reduce) { ${still} }
#still:target :is(.moves, .comes) { animation: none }
#still:target .moves { transform: ${end} }`;
}
