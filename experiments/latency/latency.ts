/** Table 1 and Figure 5: what merged LoRA, unmerged LoRA and adapter layers cost at inference. @module */

import { join } from "node:path";
import { fromTo, mean } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/mod.ts";
import { palette } from "../../src/figures/figure.ts";
import {
  type DataTable,
  type Figure,
  type Line,
  linesSlider,
  table,
} from "../../src/figures/mod.ts";
import { canonicalJson, sha256 } from "../../src/runs/mod.ts";
import { makeFolder, readJson, removeFolder, writeJsonAtomic } from "../../src/storage/files.ts";
import { kindOf } from "../../src/storage/storage.ts";
import {
  type Experiment,
  experiment,
  type ExperimentContext,
  LeftOut,
  ratioOf,
} from "../frame/mod.ts";
import {
  baseOf,
  byBatch,
  latencyClaims,
  type LatencyRow,
  type MethodCells,
  methodsIn,
  oneToken,
} from "./claims.ts";
import measured from "./latency_medium.json" with { type: "json" };
import {
  countPasses,
  type LatencyShape,
  launchMicros,
  mediumShape,
  openVariants,
  smallShape,
  timeCell,
  type TimingBudget,
} from "./passes.ts";

/** The cells of an unfinished job. */
class KeptCells {
  readonly #folder: string;

  /** Keeps them in a folder of their own within that of the job. */
  constructor(out: string, name: string) {
    this.#folder = join(out, `${name}-cells`);
  }

  /** Reads the cell of this key, or measures it. */
  async read(key: object, measure: () => Promise<LatencyRow[]>): Promise<LatencyRow[]> {
    const name = await sha256(new TextEncoder().encode(canonicalJson(key)));
    const file = join(this.#folder, `${name}.json`);
    if (await kindOf(file) === "file") return await readJson(file) as LatencyRow[];
    const rows = await measure();
    await makeFolder(this.#folder);
    await writeJsonAtomic(file, rows);
    return rows;
  }

  /** Forgets them: the next job measures all of them again. */
  async remove(): Promise<void> {
    await removeFolder(this.#folder);
  }
}

type Rows = readonly LatencyRow[];

/** Every pass that was timed, as it was measured. */
const passTable = (id: string, rows: Rows): DataTable =>
  table<LatencyRow>({
    id,
    title: "Every cell: times, and what a pass asks of the device",
    columns: [
      ["space", "shape and device", "text"],
      ["batch", "batch", "count"],
      ["length", "length", "count"],
      ["model", "model", "text"],
      ["bottleneck", "r", "count"],
      ["minimum", "minimum (ms)", "time"],
      ["median", "median (ms)", "time"],
      ["rounds", "rounds", "count"],
      ["ratio", "by the base's", "number"],
      ["low", "at least", "number"],
      ["high", "at most", "number"],
      ["launches", "launches", "count"],
      ["differing", "not the base's", "count"],
      ["flops", "operations", "count"],
      ["bytes", "bytes", "bytes"],
      ["launchMicros", "a launch (µs)", "time"],
    ],
    rows,
  });

/** A method at one batch, averaged over the lengths that every batch has. */
interface BatchRow {
  readonly space: string;
  readonly method: string;
  readonly batch: number;
  readonly lengths: string;
  readonly share: number;
  readonly median: number;
  readonly launches: number;
  readonly flops: number;
  readonly byLaunches: number | undefined;
  readonly byFlops: number | undefined;
  readonly ofOneToken: number | undefined;
}

function batchRows(method: MethodCells, rows: Rows): BatchRow[] {
  return byBatch(method).map(({ batch, own, share }) => {
    const bases = own.map(({ row }) => baseOf(rows, row));
    const average = (value: (place: number) => number) => 100 * mean(own.map((_, i) => value(i)));
    // Of a difference that is noise, no share is explained.
    const explained = (value: (place: number) => number) =>
      share > 0.02 && own.every((one) => one.share > 0) ? average(value) : undefined;
    return {
      ...{ space: method.space, method: method.method, batch, share: 100 * share },
      lengths: own.map(({ row }) => row.length).join(", "),
      median: average((i) => own[i].medianShare),
      launches: own[0].row.launches - bases[0].launches,
      flops: average((i) => own[i].row.flops / bases[i].flops - 1),
      byLaunches: explained((i) => own[i].byLaunches),
      byFlops: explained((i) => own[i].byFlops),
      ofOneToken: explained((i) => own[i].ofOneToken),
    };
  });
}

/** Table of the time that each method adds, and what explains it. */
const slowDownTable = (id: string, rows: Rows): DataTable =>
  table<BatchRow>({
    id: `${id}-slow-downs`,
    title: "Slow-down against the base, averaged over the lengths that every batch has",
    columns: [
      ["space", "shape and device", "text"],
      ["method", "model", "text"],
      ["batch", "batch", "count"],
      ["lengths", "lengths", "text"],
      ["share", "slow-down (%)", "percent"],
      ["median", "by medians (%)", "percent"],
      ["launches", "launches more", "count"],
      ["flops", "operations more (%)", "percent"],
      ["byLaunches", "of it launches (%)", "percent"],
      ["byFlops", "of it operations (%)", "percent"],
      ["ofOneToken", "of it with one token (%)", "percent"],
    ],
    rows: methodsIn(rows).filter(({ method }) => method !== "base")
      .flatMap((method) => batchRows(method, rows)),
  });

/** Each bottleneck of a kind of adapter has a shade of the kind's color, the largest the darkest. */
const colors: Readonly<Record<string, readonly string[]>> = {
  "base again": [palette.base],
  merged: [palette.merged],
  unmerged: [palette.lora[1]],
  H: ["#e3b5ce", "#cc79a7", "#7d3560"],
  L: ["#f4cf87", "#e69f00", "#8a5a00"],
};

/** Names in the order of the legend, with their colors. */
function colored(names: readonly string[]): [name: string, color: string][] {
  const kindOf = (name: string) => name.split(",")[0];
  return names.map((name) => {
    const kin = names.filter((other) => kindOf(other) === kindOf(name));
    return [name, colors[kindOf(name)][kin.indexOf(name)]];
  });
}

/** Figure 5: the slow-down of each method by batch, a step of the slider for each shape and length. */
function slowDownFigure(id: string, rows: Rows): Figure {
  const methods = methodsIn(rows).filter(({ method }) => method !== "base");
  const grid = methods.flatMap(({ cells }) => cells.map(({ row }) => row));
  const places = Map.groupBy(grid, ({ space, length }) => `${length} tokens, ${space}`);
  const names = colored([...new Set(methods.map(({ method }) => method))]);
  const steps = [...places].map(([label, [{ space, length }]]) => ({
    label,
    lines: names.map(([name, color]): Line => {
      const cells = methods.find((one) => one.space === space && one.method === name)?.cells ?? [];
      const own = cells.filter(({ row }) => row.length === length);
      const [x, y] = [own.map(({ row }) => row.batch), own.map(({ share }) => 100 * share)];
      return { name, x, y, color, dashed: name === "base again" };
    }),
  }));
  return linesSlider({
    id: `${id}-slow-downs`,
    title: "Slow-down of a forward pass",
    caption:
      "Against the base, by the minimum over passes that take turns; dashed: the base again, which is noise alone.",
    name: "length and shape",
    x: { title: "batch (sequences)", log: true },
    y: { title: "slow-down (%)" },
  }, steps);
}

/** Settings of the measurements on one device. */
interface LatencySpace {
  readonly shape: LatencyShape;
  readonly device: Device;
  readonly batches: readonly number[];
  readonly lengths: readonly number[];
  readonly bottlenecks: readonly number[];
  readonly mostTokens: number;
  readonly budget: TimingBudget;
}

/** The paper's bottlenecks, and few sizes for a job that is not to take long; decision 0026 has the reasons. */
const allBottlenecks = [10, 100, 250], fewBottlenecks = [10, 100];

/** The small shape on the job's device and, with `--full`, on `webgpu` too, where there is one. */
async function smallRows(context: ExperimentContext): Promise<LatencyRow[]> {
  const { device, full, quick } = context;
  const gpu = full && device.kind === "cpu"
    ? await openDevice({ kind: "webgpu" }).catch(() => undefined)
    : undefined;
  using _ = gpu;
  const grid = full
    ? { batches: [1, 2, 4, 8, 16, 32], lengths: [32, 64, 128], bottlenecks: allBottlenecks }
    : { batches: [1, 4], lengths: [32, 128], bottlenecks: fewBottlenecks };
  const budget = { seconds: quick ? 0 : full ? 10 : 2, leastRounds: quick ? 1 : 25 };
  const spaces = [device, ...gpu ? [gpu] : []].map((device) => {
    const mostTokens = full && device.kind === "webgpu" ? 1024 : Infinity;
    return { ...grid, shape: smallShape, device, mostTokens, budget };
  });
  return await measureAll("latency", spaces, context);
}

/** The paper's shape, where time and memory allow. */
async function mediumRows(context: ExperimentContext): Promise<LatencyRow[] | LeftOut> {
  const { device, full, quick } = context;
  if (!full || quick || device.kind !== "cpu") {
    return new LeftOut("GPT-2 medium is timed with --full alone, on cpu");
  }
  const grid = { batches: [1, 2, 4, 8], lengths: [128, 256, 512], bottlenecks: allBottlenecks };
  const budget = { seconds: 60, leastRounds: 11 };
  const space = { ...grid, shape: mediumShape, device, mostTokens: 1024, budget };
  return await measureAll("latency-medium", [space], context);
}

async function measureAll(
  name: string,
  spaces: readonly LatencySpace[],
  { signal, report, out }: ExperimentContext,
): Promise<LatencyRow[]> {
  const rows: LatencyRow[] = [], kept = new KeptCells(out, name);
  for (const [i, space] of spaces.entries()) {
    const within = (share: number, text: string) => report((i + share) / spaces.length, text);
    rows.push(...await measureSpace(space, kept, signal, within));
  }
  await kept.remove();
  return rows;
}

async function measureSpace(
  { shape, device, batches, lengths, bottlenecks, mostTokens, budget }: LatencySpace,
  kept: KeptCells,
  signal: AbortSignal,
  report: ExperimentContext["report"],
): Promise<LatencyRow[]> {
  using opened = openVariants(device, shape, bottlenecks);
  const variants = opened.models.map(([variant]) => variant);
  const models = opened.models.map(([, model]) => model);
  const grid = batches.flatMap((batch) => lengths.map((length) => [batch, length] as const));
  const cells = [oneToken, ...grid.filter(([batch, length]) => batch * length <= mostTokens)];
  const space = `${shape.name}, ${device.description}`, fixed = await launchMicros(device);
  const measure = async ([batch, length]: typeof cells[number]): Promise<LatencyRow[]> => {
    const cell = [batch, length] as const, perPass = batch * length / 1000;
    const counts = countPasses(shape, bottlenecks, cell);
    const { timings, rounds } = await timeCell(models, cell, budget, signal);
    return variants.map((variant, i) => ({
      ...{ space, batch, length, ...variant },
      ...ratioOf(timings[i].each, timings[0].each),
      minimum: timings[i].minimum * perPass,
      median: timings[i].median * perPass,
      ...{ rounds, launchMicros: fixed, ...counts[i] },
    }));
  };
  const rows: LatencyRow[] = [];
  for (const [done, cell] of cells.entries()) {
    report(done / cells.length, `${shape.name} on ${device.kind}, ${cell.join(" x ")}`);
    rows.push(...await kept.read({ space, bottlenecks, budget, cell }, () => measure(cell)));
  }
  return rows;
}

const roundsOf = (rows: Rows): string => fromTo(rows.map(({ rounds }) => rounds), 0);

/** Parts that both experiments have in common; `id` is that of the table with all rows. */
const shared = (id: string, { name }: LatencyShape) => ({
  name: id,
  source: "Hu et al. 2021, sections 3 and 4.1, table 1, figure 5 and appendix B",
  scale: true,
  settings: (rows: Rows) =>
    "Forward passes with all logits, F32, random weights: the base, the base again, LoRA (r = 4 on q and " +
    "v) merged and unmerged, Houlsby's (H) and Lin's (L) adapters; all in one process, taking turns, " +
    `${roundsOf(rows)} rounds. Decision 0026 has the rules.`,
  claims: latencyClaims(name),
  tables: [
    (rows: Rows) => slowDownTable(id, rows),
    (rows: Rows) => passTable(id, rows),
  ],
  figures: [(rows: Rows) => slowDownFigure(id, rows)],
});

/** A small model, timed in every job. */
export const latency: Experiment = experiment<never, Rows>({
  ...shared("latency", smallShape),
  seconds: 14,
  title: "What adapter layers cost at inference, and merged LoRA does not",
  question: "How much longer does a forward pass take with adapter layers, with LoRA beside the " +
    "weights, and with LoRA merged into them, over batch, length and bottleneck? And why: more to " +
    "compute, or more kernels to launch?",
  rows: (_, context) => smallRows(context),
});

/** The shape of the paper's Table 1. */
export const latencyMedium: Experiment = experiment<never, Rows>({
  ...shared("latency-medium", mediumShape),
  title: "The same in the shape of GPT-2 medium",
  question:
    "What do adapter layers and merged LoRA cost in the model that the paper's Table 1 times, " +
    "on a CPU in place of its GPU?",
  quoted: { ...measured, rows: measured.rows as LatencyRow[] },
  rows: (_, context) => mediumRows(context),
});
