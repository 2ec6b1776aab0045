/** The tests that notice a fault. @module */

import type { Tier } from "../test/jobs.ts";
import type { Fault } from "./fault.ts";
import { jobsNear, type NearJob, takeNear } from "./near_jobs.ts";
import { type Failures, TestedCopy } from "./tested_copy.ts";

/** Bounds of a run, in seconds of tests as they were measured on a quiet machine. */
export interface Bounds {
  /** Until a fault is noticed; then it counts as missed. A file that takes as long by itself is left out. */
  readonly most: number;
  /** Once it is noticed: until as much has run, failing tests are counted. */
  readonly counted: number;
  /** Part of the paths of all tests to run. Default: any. */
  readonly tests?: string;
}

/** The finding of a fault. */
export interface Finding extends Pick<Fault, "what" | "file"> {
  readonly caught: boolean;
  /** The nearest file that noticed it, and the steps by imports between the two. */
  readonly by?: string;
  readonly steps?: number;
  /** Tests that failed with the fault and not without it, in so many of the files that were run. */
  readonly tests: number;
  readonly files: number;
  readonly ran: number;
  /** Files that the fault reaches. */
  readonly reached: number;
  /** Seconds of the files that were run, as measured. */
  readonly seconds: number;
}

/** Seconds of tests for one process. */
const batchSeconds = 4;

/** Measures faults on one copy of the package, and runs what failed on another one that is whole. */
export class Measure implements AsyncDisposable {
  readonly #broken: TestedCopy;
  readonly #whole: TestedCopy;
  /** Tests that fail without a fault, by file. */
  readonly #known = new Map<string, readonly string[]>();

  private constructor(broken: TestedCopy, whole: TestedCopy) {
    this.#broken = broken;
    this.#whole = whole;
  }

  /** Makes the copies. */
  static async open(): Promise<Measure> {
    return new Measure(await TestedCopy.make(), await TestedCopy.make());
  }

  /** Runs the nearest tests of these tiers until one fails, then more to count. */
  async of(
    fault: Fault,
    tiers: readonly Tier[],
    { most, counted, tests = "" }: Bounds,
  ): Promise<Finding> {
    const queue = jobsNear(fault.file, tiers).filter(({ path, seconds }) =>
      seconds < most && path.includes(tests)
    );
    const reached = queue.length, noticed = new Map<NearJob, number>();
    let seconds = 0, ran = 0;
    await using _ = await this.#broken.copy.break(fault);
    while (queue.length > 0 && seconds < (noticed.size > 0 ? counted : most)) {
      const batch = takeNear(queue, batchSeconds);
      const failures = await this.#broken.test(batch);
      for (const job of batch) {
        const failed = await this.#newFailures(job, failures);
        if (failed > 0) noticed.set(job, failed);
      }
      seconds += sum(batch.map((job) => job.seconds)), ran += batch.length;
    }
    const [first] = noticed.keys(), { what, file } = fault;
    return {
      ...{ what, file, caught: noticed.size > 0, by: first?.path, steps: first?.steps },
      ...{ tests: sum(noticed.values()), files: noticed.size, ran, reached },
      seconds: Math.round(seconds),
    };
  }

  /** Removes the copies. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const copy of [this.#broken, this.#whole]) await copy[Symbol.asyncDispose]();
  }

  /** Number of a file's tests that fail, and do not without the fault. */
  async #newFailures(job: NearJob, failures: Failures): Promise<number> {
    const { path } = job, failed = failures.get(path);
    if (!failed) return 0;
    const known = this.#known.get(path) ?? (await this.#whole.test([job])).get(path) ?? [];
    this.#known.set(path, known);
    return failed.filter((name) => !known.includes(name)).length;
  }
}

const sum = (values: Iterable<number>): number =>
  Iterator.from(values).reduce((total, value) => total + value, 0);
