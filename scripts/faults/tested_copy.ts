/** Tests that are run in a copy of the package. @module */

import type { Batch } from "../test/jobs.ts";
import type { Outcome } from "../test/process.ts";
import { PackageCopy } from "./package_copy.ts";

/** The names of the tests that failed, by file; `hangs` and the like stand for tests. */
export type Failures = ReadonlyMap<string, readonly string[]>;

/** A test that prints nothing for so long hangs. */
const silentMs = 5 * 60_000;

type RunBatch = typeof import("../test/process.ts").runBatch;

/** Runs tests in a copy. */
export class TestedCopy implements AsyncDisposable {
  readonly copy: PackageCopy;
  readonly #runBatch: RunBatch;

  private constructor(copy: PackageCopy, runBatch: RunBatch) {
    this.copy = copy;
    this.#runBatch = runBatch;
  }

  /** Makes a copy. Its own runner runs its tests. */
  static async make(): Promise<TestedCopy> {
    const copy = await PackageCopy.make();
    const { runBatch } = await import(`${copy.folder}/scripts/test/process.ts`);
    return new TestedCopy(copy, runBatch);
  }

  /** Runs some files; what failed. */
  async test(batch: Batch): Promise<Failures> {
    return failuresOf(await this.#runBatch(batch, silentMs));
  }

  /** Removes the copy. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.copy[Symbol.asyncDispose]();
  }
}

function failuresOf({ tests, failures }: Outcome): Failures {
  const failed = tests.filter(({ outcome }) => outcome === "failed")
    .map(({ file, name }) => [file, name]);
  // A sentence such as `tests/a_test.ts hangs`.
  const others = failures.map((text) => text.split(/ (.*)/s).slice(0, 2));
  return new Map(
    Array.from(Map.groupBy([...failed, ...others], ([file]) => file), ([file, rows]) => {
      return [file, rows.map(([, name]) => name)] as const;
    }),
  );
}
