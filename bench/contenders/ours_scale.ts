/** Lowrank's side of `deno task bench:scale`: `ours_scale.ts VARIANT SWEEP WORK`, see `../scale.ts`. @module */

import { spectrum } from "../../src/analysis/mod.ts";
import { backendFor } from "../../src/linalg/linalg.ts";
import { stepBytes } from "../scale/count.ts";
import type { Found, FoundPoint } from "../scale/result.ts";
import { openStep } from "../scale/step.ts";
import {
  type Method,
  middleStep,
  middleUpdate,
  type StepSweep,
  sweepNamed,
  type UpdateSize,
  type UpdateSweep,
  type Work,
} from "../scale/sweeps.ts";
import { values } from "../workloads.ts";
import { openVariant } from "./ours_models.ts";

/**
 * Limits of timing: at least so many runs, at most so many, and no further one after so many ms.
 */
const fewest = 3, most = 40, enoughMs = 150;

/** The least ms of several runs; the first warms up, and where runs are short the second too. */
async function leastTime(run: () => unknown): Promise<number> {
  const began = performance.now();
  await run();
  if (performance.now() - began < enoughMs) await run();
  let least = Infinity;
  for (let i = 0, began = performance.now(); i < most; i++) {
    const start = performance.now();
    if (i >= fewest && start - began > enoughMs) break;
    await run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** Undefined where the system does not say. */
function residentBytes(): number | undefined {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    return 1024 * Number(status.match(/VmHWM:\s*(\d+)/)![1]);
  } catch {
    return undefined;
  }
}

/** The smallest comes twice, and counts the second time: V8 compiles meanwhile. */
const warmedUp = (values: readonly number[]) => [values[0], ...values];

async function steps({ values, at }: StepSweep, method: Method, variant: string): Promise<Found> {
  using device = await openVariant(variant);
  const points: FoundPoint[] = [];
  for (const value of warmedUp(values)) {
    if (device.ledger.read().live > 0) {
      throw new Error(`something of the step before ${value} is left`);
    }
    device.ledger.resetPeak();
    using step = openStep(device, { ...middleStep, ...at(value) }, method);
    const ms = await leastTime(async () => {
      step.run();
      await step.loss();
    });
    if (!Number.isFinite(await step.loss())) throw new Error(`the loss at ${value} is not finite`);
    points.push({ value, ms, bytes: stepBytes(device.ledger.read(), method) });
  }
  const resident = residentBytes();
  return { device: device.description, points: points.slice(1), ...(resident && { resident }) };
}

const update = ({ width, rank }: UpdateSize, i: number) => ({
  A: { shape: [rank, width], data: values(2 * i + 1, rank * width) },
  B: { shape: [width, rank], data: values(2 * i + 2, rank * width) },
  scaling: 1,
});

async function spectra({ values, of }: UpdateSweep): Promise<Found> {
  const points: FoundPoint[] = [];
  for (const value of warmedUp(values)) {
    const size = { ...middleUpdate, ...of(value) };
    const updates = Array.from({ length: size.modules }, (_, i) => update(size, i));
    const ms = await leastTime(() => updates.forEach(spectrum));
    points.push({ value, ms });
  }
  const { name } = backendFor(Infinity);
  return { device: name === "own" ? "without LAPACK" : name, points: points.slice(1) };
}

const [variant, name, work] = Deno.args as [string, string, Work], sweep = sweepNamed(name);
const found = "of" in sweep ? await spectra(sweep) : await steps(sweep, work as Method, variant);
console.log(JSON.stringify(found));
