/** The picture of the floors: every folder of the package above all that it imports. @module */

import { pictureStyle } from "../../src/figures/pictures.ts";
import { type Import, layerOf } from "../support/layers.ts";

/** One line on each folder. */
export const rooms: Readonly<Record<string, string>> = {
  core: "tensors, seeds, errors",
  storage: "files, folders, the hub",
  patterns: "Python's re, names",
  terminal: "progress, interrupts",
  kernels: "WGSL and WebAssembly",
  quant: "NF4, FP4, INT8",
  figures: "plots, tables, pictures",
  tokenizer: "byte pairs, word pieces",
  blas: "the system's BLAS",
  architectures: "layers and sites by config",
  formats: "safetensors, PEFT, GGUF",
  device: "cpu, webgpu, dry, float64",
  linalg: "QR, SVD, eigenvalues",
  report: "one page of results",
  accounting: "formulas and counts",
  methods: "kinds of adapters",
  paper: "claims, printed tables",
  data: "texts, batches, tasks",
  analysis: "spectra, subspaces",
  autograd: "the tape, operations",
  train: "AdamW, schedules, steps",
  nn: "layers",
  models: "GPT-2, BERT, Llama, …",
  inspect: "adapters as tables",
  adapt: "LoRA and eleven others",
  runs: "specifications, folders",
  mod: "what a user imports",
  serve: "completions by HTTP",
  lesson: "a rank to play with",
  experiments: "the paper, run",
  cli: "lowrank …",
  notebook: "Jupyter",
};

/** Imports of each folder, itself left out. */
function graphOf(imports: readonly Import[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  const node = (name: string) => graph.get(name) ?? graph.set(name, new Set()).get(name)!;
  for (const { from, to } of imports) {
    const [above, below] = [layerOf(from), layerOf(to)];
    node(below);
    if (above !== below) node(above).add(below);
  }
  return graph;
}

/** Everything that can be reached from a folder along the arrows. */
function reachable(graph: ReadonlyMap<string, ReadonlySet<string>>, from: string): Set<string> {
  const reached = new Set(graph.get(from));
  for (const next of reached) graph.get(next)!.forEach((below) => reached.add(below));
  return reached;
}

/** The arrows that no way over others stands for. */
function reduced(graph: ReadonlyMap<string, ReadonlySet<string>>): Map<string, string[]> {
  const isDirect = (below: ReadonlySet<string>, to: string) =>
    ![...below].some((other) => other !== to && reachable(graph, other).has(to));
  return new Map(
    [...graph].map(([name, below]) => [name, [...below].filter((to) => isDirect(below, to))]),
  );
}

/** Folders by floor, the lowest first: one floor above the highest that a folder imports. */
function floorsOf(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const floorOf = (name: string): number =>
    Math.max(-1, ...Array.from(graph.get(name)!, floorOf)) + 1;
  const floors: string[][] = [];
  for (const name of [...graph.keys()].sort()) (floors[floorOf(name)] ??= []).push(name);
  return floors;
}

const width = 960, height = 46, gap = 26, most = 152;

/** The middle of a folder's box, across and from above. */
type Places = ReadonlyMap<string, readonly [x: number, y: number]>;

/** Folders of a floor stand in the order of what they import, so that few arrows cross. */
function placesOf(floors: readonly string[][], arrows: ReadonlyMap<string, string[]>): Places {
  const places = new Map<string, readonly [number, number]>();
  floors.forEach((names, floor) => {
    const under = (name: string) => {
      const below = arrows.get(name)!.map((to) => places.get(to)![0]);
      return below.length === 0 ? width / 2 : below.reduce((sum, x) => sum + x, 0) / below.length;
    };
    const y = gap + (floors.length - 1 - floor) * (height + gap) + height / 2;
    names.toSorted((a, b) => under(a) - under(b)).forEach((name, i) =>
      places.set(name, [width * (i + 0.5) / names.length, y])
    );
  });
  return places;
}

function boxOf(name: string, [x, y]: readonly [number, number]): string {
  const left = (x - most / 2).toFixed(0), top = (y - height / 2).toFixed(0);
  const word = name === "mod" ? "mod.ts" : name;
  return `<rect class="box base" x="${left}" y="${top}" width="${most}" height="${height}" rx="6"/>` +
    `<text x="${x.toFixed(0)}" y="${(y - 3).toFixed(0)}" class="name">${word}</text>` +
    `<text x="${x.toFixed(0)}" y="${(y + 13).toFixed(0)}" class="word">${rooms[name] ?? ""}</text>`;
}

function arrowOf([x, y]: readonly [number, number], [toX, toY]: readonly [number, number]): string {
  const [from, to] = [y + height / 2, toY - height / 2], bend = Math.min(40, (to - from) / 2);
  const points = [x, from, x, from + bend, toX, to - bend, toX, to].map((value) =>
    value.toFixed(0)
  );
  const [start, ...ends] = [0, 2, 4, 6].map((at) => points.slice(at, at + 2).join(" "));
  return `<path class="way" d="M${start}C${ends.join(" ")}"/>`;
}

/** The picture, from all imports of the package. */
export function floorsPicture(imports: readonly Import[]): string {
  const graph = graphOf(imports), arrows = reduced(graph), floors = floorsOf(graph);
  const places = placesOf(floors, arrows), total = floors.length * (height + gap) + gap;
  const ways = [...arrows].flatMap(([name, below]) =>
    below.map((to) => arrowOf(places.get(name)!, places.get(to)!))
  );
  const boxes = [...places].map(([name, place]) => boxOf(name, place));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" role="img" aria-label="The folders of the package in ${floors.length} floors; each imports only what stands below it.">
<style>
${pictureStyle}
svg .way { fill: none; stroke: var(--soft); stroke-opacity: 0.45 }
svg .box { fill: var(--paper); fill-opacity: 1; stroke: var(--soft) }
svg text { text-anchor: middle; font-family: system-ui, sans-serif; fill: var(--ink) }
svg .name { font-size: 14px; font-weight: 600 }
svg .word { font-size: 11px; fill: var(--soft) }
</style>
<rect width="${width}" height="${total}" fill="var(--paper)"/>
${ways.join("\n")}
${boxes.join("\n")}
</svg>
`;
}
