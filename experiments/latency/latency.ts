/** Table 1 and Figure 5: what merged LoRA, unmerged LoRA and adapter layers cost at inference. @module */

import { openDevice } from "../../src/device/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { fromTo } from "../../src/core/numbers.ts";
import {
  type Experiment,
  experiment,
  type ExperimentContext,
  LeftOut,
  ratioOf,
} from "../frame/mod.ts";
import { KeptCells } from "./cells.ts";
import { latencyClaims } from "./claims.ts";
import measured from "./latency_medium.json" with { type: "json" };
import { countPasses } from "./count.ts";
import { launchMicros, timeCell, type TimingBudget } from "./measure.ts";
import { passTable, slowDownFigure, slowDownTable } from "./pictures.ts";
import { type LatencyRow, oneToken } from "./rows.ts";
import { type LatencyShape, mediumShape, openVariants, smallShape } from "./variants.ts";

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

const roundsOf = (rows: readonly LatencyRow[]): string =>
  fromTo(rows.map(({ rounds }) => rounds), 0);

/** Parts that both experiments have in common; `id` is that of the table with all rows. */
const shared = (id: string, { name }: LatencyShape) => ({
  name: id,
  source: "Hu et al. 2021, sections 3 and 4.1, table 1, figure 5 and appendix B",
  scale: true,
  settings: (rows: readonly LatencyRow[]) =>
    "Forward passes with all logits, F32, random weights: the base, the base again, LoRA (r = 4 on q and " +
    "v) merged and unmerged, Houlsby's (H) and Lin's (L) adapters; all in one process, taking turns, " +
    `${roundsOf(rows)} rounds. Decision 0026 has the rules.`,
  claims: latencyClaims(name),
  tables: [
    (rows: readonly LatencyRow[]) => slowDownTable(id, rows),
    (rows: readonly LatencyRow[]) => passTable(id, rows),
  ],
  figures: [(rows: readonly LatencyRow[]) => slowDownFigure(id, rows)],
});

/** A small model, timed in every job. */
export const latency: Experiment = experiment<never, readonly LatencyRow[]>({
  ...shared("latency", smallShape),
  seconds: 14,
  title: "What adapter layers cost at inference, and merged LoRA does not",
  question: "How much longer does a forward pass take with adapter layers, with LoRA beside the " +
    "weights, and with LoRA merged into them, over batch, length and bottleneck? And why: more to " +
    "compute, or more kernels to launch?",
  rows: (_, context) => smallRows(context),
});

/** The shape of the paper's Table 1. */
export const latencyMedium: Experiment = experiment<never, readonly LatencyRow[]>({
  ...shared("latency-medium", mediumShape),
  title: "The same in the shape of GPT-2 medium",
  question:
    "What do adapter layers and merged LoRA cost in the model that the paper's Table 1 times, " +
    "on a CPU in place of its GPU?",
  quoted: { ...measured, rows: measured.rows as LatencyRow[] },
  rows: (_, context) => mediumRows(context),
});
