/** What a contender's process does: take one workload, time it, print one line of JSON. @module */

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

/** What the process found for one case. */
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
  /** Why there are no cases. */
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

async function measure(item: Case, repeats: { each: number; tens: number }) {
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
  const { each, tens } = long ? { each: 3, tens: 0 } : repeats;
  measured.each.push(probe, await clock(once), await clock(once));
  measured.checks.push(await item.check());
  for (let i = 3; i < each; i++) measured.each.push(await clock(once));
  for (let i = 0; i < tens; i++) measured.ten.push(await clock(() => tenOf(item)) / 10);
  measured.checks.push(await item.check());
  measured.steps += each - 3 + 10 * tens;
  return measured;
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
  const openMs = performance.now() - start, measured: Measured[] = [];
  for (const item of await cases(workload)) {
    measured.push(await measure(item, repeats[workload]));
  }
  return { device, openMs, cases: measured };
}

/** The whole of a contender's program; exits, because the workers of some peers never do. */
export async function serve(open: (variant: string) => Promise<Opened>): Promise<never> {
  const report = await run(open).catch((error): Report => ({
    notRun: error instanceof NotRun ? error.message : String(error).split("\n")[0],
  }));
  console.log(JSON.stringify(report));
  Deno.exit(0);
}
