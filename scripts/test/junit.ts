/**
 * The JUnit report of `deno test`: which tests ran, how they ended and how long they took.
 *
 * @module
 */

/** A test of a report; each step of a test is one, too. */
export interface TestRun {
  /** The test's file, relative to the root; an example's file for a documentation example. */
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
  readonly outcome: "passed" | "failed" | "skipped";
}

/** Counts of tests; steps count as tests. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Reads the tests of a report. A file that fails outside of its tests is reported as an error of its
 * suite, which counts as a failed test of that name.
 *
 * @throws {SyntaxError} when the text is no report, as when a file could not be loaded.
 */
export function readTests(report: string): TestRun[] {
  if (!/<testsuites\b/.test(report)) throw new SyntaxError("the report has no <testsuites>");
  return [...report.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)]
    .map(([, attributes, body = ""]) => ({
      file: fileOf(attribute(attributes, "classname")),
      name: attribute(attributes, "name"),
      seconds: Number(attribute(attributes, "time")),
      outcome: outcomeOf(body),
    }));
}

/** Counts the tests by how they ended. */
export function countTests(tests: readonly TestRun[]): Totals {
  const count = (wanted: TestRun["outcome"]) =>
    tests.filter(({ outcome }) => outcome === wanted).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

/** The line that ends every test run. */
export function formatTotals({ passed, failed }: Totals): string {
  return `${passed} passed, ${failed} failed`;
}

function outcomeOf(body: string): TestRun["outcome"] {
  if (/<(failure|error)\b/.test(body)) return "failed";
  return /<skipped\b/.test(body) ? "skipped" : "passed";
}

/** `./src/storage/files.ts#76-81.ts` is an example in `src/storage/files.ts`. */
const fileOf = (suite: string): string => suite.replace(/^\.\//, "").replace(/[#$].*$/, "");

const entities: Record<string, string> = {
  "&quot;": '"',
  "&apos;": "'",
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
};

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(quot|apos|lt|gt|amp);/g, (entity) => entities[entity]);
}
