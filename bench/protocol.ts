/**
 * The protocol of a contender's process: take one workload, time it, print one line of JSON.
 *
 * @module
 */

import { repeats, type Workload } from "./workloads.ts";

/** One thing to time. */
export interface Case {
  readonly name: string;
  /** Hands one step to the device. */
  step(): void | Promise<void>;
  /** Returns when all steps are really done: peers are lazy. */
  wait(): Promise<void>;
  /** A number of the last step that all contenders must agree on; not on the clock. */
  check(): Promise<number>;
}

/** Measurements of one case in the process. */
export interface Measured {
  readonly name: string;
  /** Compilation and first run. */
  readonly firstMs: number;
  /** ms of each step that was waited for. */
  readonly each: number[];
  /** ms a step of each block of ten. */
  readonly ten: number[];
  /** The checked number after the first step, after the fifth, and after the last. */
  readonly checks: number[];
  /** Steps in all: only where two did equally many are their last numbers the same. */
  steps: number;
}

/** The line that a process prints. */
export interface Report {
  readonly device?: string;
  readonly openMs?: number;
  readonly cases?: Measured[];
  readonly roof?: { readonly gflops: number; readonly copyGBs: number };
  /** Reason why there are no cases. */
  readonly notRun?: string;
}

/** Opened for one workload. */
export interface Opened {
  readonly device: string;
  cases(workload: Workload): Case[] | Promise<Case[]>;
}

/** Raised by a contender that has nothing for a workload. */
export class NotRun extends Error {}

async function clock(work: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A step that takes this long is timed three times and in no block of ten. */
const longMs = 1500;

/** First calls, and steps that are waited for one by one. */
async function measure(item: Case, each: number) {
  const once = async () => {
    await item.step();
    await item.wait();
  };
  const firstMs = await clock(once), first = await item.check();
  await once(); // what is compiled at the second call, as V8 does, is neither first nor steady
  const measured: Measured = {
    ...{ name: item.name, firstMs, each: [], ten: [], checks: [first], steps: 5 },
  };
  const probe = await clock(once), long = probe > longMs || isProduct(item) && probe > 200;
  measured.each.push(probe, await clock(once), await clock(once));
  measured.checks.push(await item.check());
  const more = long ? 0 : each - 3;
  for (let i = 0; i < more; i++) measured.each.push(await clock(once));
  measured.steps += more;
  return { item, long, measured };
}

/** Blocks of ten, the cases in turn, so that a machine that slows down slows them all. */
async function measureTens(trials: Awaited<ReturnType<typeof measure>>[], tens: number) {
  for (let i = 0; i < tens; i++) {
    for (const { item, long, measured } of trials) {
      if (long) continue;
      measured.ten.push(await clock(() => tenOf(item)) / 10);
      measured.steps += 10;
    }
  }
  for (const { item, measured } of trials) measured.checks.push(await item.check());
}

/** A product gives the same number however often it runs; steps of training do not. */
const isProduct = ({ name }: Case) => name.startsWith("matmul");

async function tenOf(item: Case): Promise<void> {
  for (let i = 0; i < 10; i++) await item.step();
  await item.wait();
}

async function run(open: (variant: string) => Promise<Opened>): Promise<Report> {
  const [variant, workload] = Deno.args as [string, Workload];
  const start = performance.now(), { device, cases } = await open(variant);
  const openMs = performance.now() - start, { each, tens } = repeats[workload], trials = [];
  for (const item of await cases(workload)) trials.push(await measure(item, each));
  await measureTens(trials, tens);
  return { device, openMs, cases: trials.map(({ measured }) => measured) };
}

/** The whole of a contender's program; exits, because the workers of some peers never do. */
export async function serve(open: (variant: string) => Promise<Opened>): Promise<never> {
  const report = await run(open).catch((error): Report => ({
    notRun: error instanceof NotRun ? error.message : String(error).split("\n")[0],
  }));
  console.log(JSON.stringify(report));
  Deno.exit(0);
}
