/** Where the time of a step goes. @module */

import { DeviceError } from "../core/errors.ts";
import { assertOptions } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import { type Device, type DeviceTrace, Scope, type TracedLaunch } from "../device/mod.ts";
import { roofMeter, type Roofs } from "./roofs.ts";

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
  /** What it does at best. */
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

/** How a step is profiled. */
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
export function rowsOf(
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
