/**
 * Tests that take longer than they should, and why.
 *
 * @module
 */

import { tiersOf } from "./jobs.ts";
import type { TestRun } from "./junit.ts";

/** Most seconds of a test and of a file of core and parts, by the clock: beside other work more are over. */
const most = { test: 5, file: 60 };

/** Reasons why a file, or a test in it, may be over budget. */
const reasons: Readonly<Record<string, string>> = {
  "tests/notebooks/run_parts_test.ts": "fourteen notebooks, run as a reader runs them",
  "tests/notebooks/lab_parts_test.ts": "JupyterLab and Chromium open nine pages",
  "tests/notebooks/cell_types_test.ts": "one type check of all notebooks reaches the whole package",
  "tests/package/install_test.ts": "the whole package, over HTTP and packed, into an empty cache",
  "tests/package/api_test.ts": "deno doc reads every entry",
  "tests/package/outside_parts_test.ts": "the published files in an empty folder, over HTTP too",
  "tests/package/score_test.ts": "deno doc reads every entry",
  "tests/package/site_test.ts": "it builds every page of the site",
  "tests/kernels/kernels_devices_test.ts": "53 kernels on five devices; shaders are compiled",
  "tests/kernels/browser_parts_test.ts": "Chromium compiles every shader by SwiftShader",
  "tests/package/first_adapter_test.ts": "eight commands of the guide, one after the other",
  "tests/package/job_arrays_test.ts": "nine processes, as a cluster starts them",
  "tests/playground/page_parts_test.ts":
    "Chromium compiles the kernels of the lesson by SwiftShader",
};

/** A line for each test and file over budget; reference and nightly have none. */
export function overBudget(
  tests: readonly TestRun[],
  files: readonly (readonly [path: string, seconds: number])[],
): string[] {
  const rows = [
    ...files.filter(([, seconds]) => seconds > most.file),
    ...tests.filter(({ seconds }) => seconds > most.test)
      .map(({ file, name, seconds }) => [`${file}: ${name}`, seconds] as const),
  ];
  return rows.filter(([what]) => hasBudget(fileOf(what))).map(([what, seconds]) =>
    `over budget: ${what}, ${seconds.toFixed(1)} s (${
      reasons[fileOf(what)] ?? "no reason in scripts/test/budget.ts; is the machine busy?"
    })`
  );
}

const fileOf = (what: string): string => what.split(": ")[0];

const hasBudget = (path: string): boolean =>
  tiersOf(path).some((tier) => tier === "core" || tier === "parts");
