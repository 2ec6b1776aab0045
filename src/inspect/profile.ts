/**
 * Profiles: the time of a step by kernels, beside the highest speeds of the device's arithmetic and
 * memory, as a table and as a picture.
 *
 * @module
 */

import { addKernel } from "../../kernels/mod.ts";
import { matrix, multiply } from "../autograd/ops/product.ts";
import { assertOptions } from "../core/checks.ts";
import { DeviceError, quote } from "../core/errors.ts";
import { digits } from "../core/numbers.ts";
import { type Device, type DeviceTrace, Scope, type TracedLaunch } from "../device/mod.ts";
import {
  axis,
  baseLayout,
  type Column,
  type DataTable,
  type Figure,
  palette,
  table,
} from "../figures/mod.ts";

// Profiles.

/** Launches of one kernel with the same scalars. */
export interface ProfileRow {
  /** Name of the kernel, with its extents if it is a product. */
  readonly kernel: string;
  /** Launches in a step. */
  readonly launches: number;
  /** ms in a step. */
  readonly time: number;
  /** Share of the step. */
  readonly share: number;
  /** Multiplications and additions in a step; 0 of kernels that move bytes. */
  readonly flops: number;
  /** Bytes that must be moved in a step. */
  readonly bytes: number;
  /** Share of the roof: the least time that the arithmetic or the bytes could take, by the time. */
  readonly roof: number;
  /** Threads that shared it, on average over its time; on `cpu`. */
  readonly threads?: number;
}

/** A step's time by kernels. */
export interface Profile {
  /** The device. */
  readonly device: string;
  /** Highest speeds of the device. */
  readonly roofs: Roofs;
  /** ms of the step as it is, the least of the rounds. */
  readonly alone: number;
  /** ms of the step while it was traced, the least of the rounds: that of all that follows. */
  readonly traced: number;
  /** Share of the roof of the step as it is: the least time that its kernels could take, by its time. */
  readonly roof: number;
  /** ms of the traced step in which no kernel ran: the host's work, and waiting. */
  readonly outside: number;
  /** All launches, in their order. */
  readonly launches: readonly TracedLaunch[];
  /** The same by kernel, those that take longest first. */
  readonly rows: readonly ProfileRow[];
}

/** Options of {@link profile}. */
export interface ProfileOptions {
  /** Rounds, of which the fastest counts. Default 5. */
  readonly rounds?: number;
}

/**
 * Runs a step some times and says where its time goes: for every kernel its launches, ms, arithmetic, bytes and the
 * share of the roof, which is the least time that its arithmetic or its bytes could take on this device, by the time
 * that it takes (Williams et al. 2009). The step runs three times a round, once to warm up, as it is, and traced, and
 * the roof's own kernels run beside it, so that both meet the same machine.
 *
 * @param step Runs the step on the device; what it returns is awaited.
 * @throws {DeviceError} when the device is neither `cpu` nor `webgpu`, no kernel runs on it, a kernel fails, it has no
 *   room for the roof's vectors of 108 MiB, or a GPU has no clock for its kernels.
 * @throws {RangeError} when there is no round.
 * @throws {TypeError} when the step is no function, or an option does not exist.
 *
 * @example
 * ```ts
 * import { Trainer, initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { profile } from "@lowrank/core/inspect";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using trainer = new Trainer(model, { learningRate: 1e-3, steps: 100 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const batch = { inputs: { tokens }, targets: { shape: [1, 3], data: Int32Array.of(2, 3, 4) } };
 * const { rows } = await profile(device, () => trainer.step([batch]));
 * console.log(rows[0].kernel, rows[0].time);
 * ```
 */
export async function profile(
  device: Device,
  step: () => unknown,
  options: ProfileOptions = {},
): Promise<Profile> {
  assertProfiled(device, step, options);
  await assertLaunches(device, step);
  using scope = new Scope(device);
  const { rounds = 5 } = options, measure = roofMeter(scope);
  let roofs = await measure(), alone = Infinity, least: DeviceTrace | undefined;
  for (let round = 0; round < rounds; round++) {
    roofs = await measure();
    await timeOf(device, step); // the roof's vectors have taken the caches
    alone = Math.min(alone, await timeOf(device, step));
    const trace = await device.trace(step);
    if (trace.time < (least?.time ?? Infinity)) least = trace;
  }
  const found = summaryOf(least!, roofs), roof = total(found.launches, leastTimeIn(roofs)) / alone;
  return { device: device.description, roofs, alone, roof, ...found };
}

function assertProfiled({ kind }: Device, step: unknown, options: ProfileOptions): void {
  if (kind !== "cpu" && kind !== "webgpu") {
    throw new DeviceError(`a profile needs a cpu or webgpu device, found ${kind}`);
  }
  if (typeof step !== "function") {
    throw new TypeError(`a profile's step must be a function, found ${quote(step)}`);
  }
  assertOptions("profile", options, { rounds: true });
  const { rounds = 5 } = options;
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new RangeError(`a profile needs at least 1 round, found ${rounds}`);
  }
}

async function assertLaunches(device: Device, step: () => unknown): Promise<void> {
  const { launches } = await device.trace(step);
  if (launches.length > 0) return;
  throw new DeviceError(
    `a profile needs a step that runs kernels on ${device.description}, found none: does it use another device?`,
  );
}

/** ms of a step, until the device has finished it. */
async function timeOf(device: Device, step: () => unknown): Promise<number> {
  using probe = device.allocate([1], "f32", "scratch", "probe");
  const start = performance.now();
  await step();
  if (device.kind === "webgpu") await device.read(probe);
  return performance.now() - start;
}

function summaryOf({ launches, time: traced }: DeviceTrace, roofs: Roofs) {
  const rows = rowsOf(launches, titleOf, { traced, roofs });
  const inside = total(launches, ({ time }) => time);
  return { traced, outside: Math.max(0, traced - inside), launches, rows };
}

/** A row for all launches of one name, those that take longest first. */
function rowsOf(
  launches: readonly TracedLaunch[],
  nameOf: (launch: TracedLaunch) => string,
  { traced, roofs }: Pick<Profile, "traced" | "roofs">,
): ProfileRow[] {
  return [...Map.groupBy(launches, nameOf)]
    .map(([name, own]) => rowOf(name, own, traced, roofs))
    .sort((a, b) => b.time - a.time);
}

function rowOf(
  kernel: string,
  launches: readonly TracedLaunch[],
  step: number,
  roofs: Roofs,
): ProfileRow {
  const time = total(launches, (launch) => launch.time);
  return {
    kernel,
    launches: launches.length,
    time,
    share: time / step,
    flops: total(launches, flopsOf),
    bytes: total(launches, ({ bytes }) => bytes),
    roof: total(launches, leastTimeIn(roofs)) / time,
    ...threadsOf(launches, time),
  };
}

function threadsOf(launches: readonly TracedLaunch[], time: number): Pick<ProfileRow, "threads"> {
  if (launches.some(({ threads }) => threads === undefined)) return {};
  return { threads: total(launches, (launch) => launch.time * launch.threads!) / time };
}

const leastTimeIn = ({ flops, bytes }: Roofs) => (launch: TracedLaunch): number =>
  Math.max(flopsOf(launch) / flops, launch.bytes / bytes);

function flopsOf({ kernel, scalars }: TracedLaunch): number {
  return kernel.flops?.(scalars) ?? 0;
}

/** `matmul 256 x 768 x 256 NT`, and other kernels by their names. */
function titleOf({ kernel: { name }, scalars }: TracedLaunch): string {
  if (!name.startsWith("matmul")) return name;
  const { m, n, k, k2, transposeA, transposeB } = scalars;
  const layout = [transposeA, transposeB].map((is) => is ? "T" : "N").join("");
  return `${name} ${m} x ${n} x ${k}${k2 > 0 ? ` + ${k2}` : ""} ${layout}`;
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

// Tables and pictures.

/** A row of the table: of a kind's kernels together, of one kernel, or of what is left of the step. */
type TableRow = Partial<ProfileRow> & { readonly kind: string };

/**
 * A profile's kinds of kernels and what is left of the step, which are all of it; then each kernel. Those that take
 * longest are first.
 */
export function profileTable(profile: Profile): DataTable {
  const { device, alone, roof, traced, launches, rows } = profile;
  const kindRows = rowsOf(launches, kindOfLaunch, profile);
  const hasThreads = rows.some(({ threads }) => threads !== undefined);
  return table<TableRow>({
    id: "profile",
    title: `A step of ${digits(alone, 3)} ms, ${digits(100 * roof, 2)}% of the roof, ` +
      `${digits(traced, 3)} ms while traced; ${roofText(profile)}; ${device}${doubts(profile)}`,
    columns: [
      ["kind", "kind", "text"],
      ["kernel", "kernel (m x n x k + rank, T: transposed)", "text"],
      ["launches", "launches", "count"],
      ["time", "ms", "time"],
      ["share", "of the step", "percent", ({ share }) => share && 100 * share],
      ["flops", "GFLOP/s", ...speed("flops")],
      ["bytes", "GB/s", ...speed("bytes")],
      ["roof", "of the roof", "percent", ({ roof }) => roof && 100 * roof],
      ...hasThreads ? [threadsColumn] : [],
    ],
    rows: [
      ...kindRows.map((row) => ({ ...row, kind: row.kernel, kernel: "all" })),
      restOf(profile),
      ...rows.map((row) => ({ ...row, kind: kindOf(row.kernel) })),
    ],
  });
}

function restOf({ outside, traced }: Profile): TableRow {
  const kernel = "the host's work, waiting";
  return { kind: "no kernel", kernel, time: outside, share: outside / traced };
}

const perSecond = (perMs: number): number => perMs / 1e6;

/** Speeds are printed as times are: in three digits, the smallest without an exponent too. */
const speed = (of: "flops" | "bytes") =>
  ["time", (row: TableRow) => row[of] ? perSecond(row[of] / row.time!) : undefined] as const;

/** The speeds that count as 100%, in words. */
function roofText({ roofs: { flops, bytes } }: Profile): string {
  const [arithmetic, memory] = [flops, bytes].map((speed) => digits(perSecond(speed), 3));
  return `roof: ${arithmetic} GFLOP/s, ${memory} GB/s, measured beside the step`;
}

/** Reasons to doubt the times, after the sentence before. */
function doubts({ roof, alone, traced }: Profile): string {
  const isFaster = Number(digits(traced, 3)) < Number(digits(alone, 3));
  return `${roof > 1 ? aboveRoof : ""}${isFaster ? fasterTraced : ""}`;
}

const aboveRoof =
  ". The step exceeds the roof: the machine was busier while the roof was measured, or the " +
  "step's data stays in a cache; its column is of no use";
const fasterTraced = ". The traced step was faster than the step as it is: raise rounds";

const threadsColumn: Column<TableRow> = [
  ...["threads", "threads", "share"] as const,
  ({ threads }) => threads,
];

/** Kernels of a kind are drawn in one row; the first pattern that fits names it. */
const kinds: readonly (readonly [kind: string, names: RegExp])[] = [
  ["products", /^(matmul|segment_product|head_product)/],
  ["attention", /^(attention|softmax|rotary|distance)/],
  ["norms", /norm_(forward|backward)/],
  ["loss", /^(cross_entropy|kl_)/],
  ["optimizer", /^(adamw|sum_squares|root_sum)/],
  ["other kernels", /^/],
];

/** Shows the time span of each kernel of a step, in a row for each kind. */
export function profileFigure(profile: Profile): Figure {
  const { device, launches, traced } = profile, byKind = Map.groupBy(launches, kindOfLaunch);
  const colors = [...palette.series, palette.base];
  const shown = kinds.flatMap(([kind], i) => byKind.has(kind) ? [{ kind, color: colors[i] }] : []);
  return {
    id: "profile-steps",
    title: `When each kernel of a step ran: ${launches.length} launches in ${digits(traced, 3)} ms`,
    caption: `A bar for each launch. Gaps are time in which no kernel ran. ${device}; ${
      roofText(profile)
    }${doubts(profile)}.`,
    data: shown.map(({ kind, color }) => barsOf(kind, byKind.get(kind)!, color)),
    layout: baseLayout(
      axis("ms", { range: [0, traced] }),
      axis("", { autorange: "reversed" }),
      { barmode: "overlay", height: 120 + 40 * shown.length, showlegend: false },
    ),
  };
}

function kindOf(name: string): string {
  return kinds.find(([, names]) => names.test(name))![0];
}

const kindOfLaunch = ({ kernel: { name } }: TracedLaunch): string => kindOf(name);

function barsOf(kind: string, launches: readonly TracedLaunch[], color: string) {
  return {
    type: "bar" as const,
    orientation: "h" as const,
    name: kind,
    base: launches.map(({ start }) => start),
    x: launches.map(({ time }) => time),
    y: launches.map(() => kind),
    text: launches.map(({ kernel }) => kernel.name),
    textposition: "none",
    hovertemplate: "%{text}: %{x:.3f} ms<extra></extra>",
    marker: { color },
  };
}

// Roofs.

/** The speeds that a step is compared with. */
export interface Roofs {
  /** Multiplications and additions a ms, of a square product of 1,024. */
  readonly flops: number;
  /** Bytes a ms, of a sum of two vectors of 32 MiB. */
  readonly bytes: number;
}

const side = 1024, length = 2 ** 23;

/**
 * Allocates a product and a sum in a scope, and returns what times each once more: the best so far. One measurement
 * may share the machine with other work, so a profile takes one beside each of its rounds.
 */
function roofMeter(scope: Scope): () => Promise<Roofs> {
  const product = productIn(scope), sum = sumIn(scope);
  let best: Roofs = { flops: 0, bytes: 0 };
  return async () => {
    const { launches: [first, second] } = await scope.device.trace(() => {
      product();
      sum();
    });
    const flops = Math.max(best.flops, 2 * side ** 3 / first.time);
    const bytes = Math.max(best.bytes, 3 * 4 * length / second.time);
    return best = { flops, bytes };
  };
}

function productIn(scope: Scope): () => void {
  const [a, b, c] = ["a", "b", "c"].map((label) => ones(scope, [side, side], label));
  return () => multiply(matrix(a), matrix(b), matrix(c), { m: side, n: side, k: side });
}

function sumIn(scope: Scope): () => void {
  const [a, b, out] = ["a", "b", "out"].map((label) => ones(scope, [length], label));
  return () => scope.device.launch(addKernel, { a, b, out }, { size: length });
}

function ones(scope: Scope, shape: number[], label: string) {
  const tensor = scope.allocate(shape, "f32", "scratch", label);
  scope.device.write(tensor, new Float32Array(tensor.size).fill(1));
  return tensor;
}
