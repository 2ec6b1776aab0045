/**
 * Counts of a test run, read from the JUnit report of `deno test`.
 *
 * @module
 */

/** Counts of tests; steps count as tests. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Reads the report. Where a file does not even type-check, no test runs and there is no report (or
 * one without `<testsuites>`): that is one failure.
 */
export function readTotals(report: string): Totals {
  const suites = /<testsuites\b[^>]*>/.exec(report)?.[0];
  if (!suites) return { passed: 0, failed: 1, skipped: 0 };
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suites)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = report.match(/<skipped\b/g)?.length ?? 0;
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

/** The counts of two runs together. */
export function addTotals(a: Totals, b: Totals): Totals {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** Adds failures that the report does not know. */
export function withFailures(totals: Totals, extra: number): Totals {
  return { ...totals, failed: totals.failed + extra };
}

/** The line that ends every test run. */
export function formatTotals({ passed, failed }: Totals): string {
  return `${passed} passed, ${failed} failed`;
}
