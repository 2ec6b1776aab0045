/**
 * One process of `deno test` over a batch of jobs.
 *
 * @module
 */

import { rootPath } from "../../tests/support/source_files.ts";
import type { Batch } from "./jobs.ts";
import { readTests, type TestRun } from "./junit.ts";

/** How a batch ended. */
export interface Outcome {
  readonly batch: Batch;
  readonly tests: readonly TestRun[];
  /** A sentence for each failure that no test reports: a file that ran no test, a process that hung. */
  readonly failures: readonly string[];
  /** Everything that the process printed. */
  readonly output: string;
  /** Of the process, from its start to its end. */
  readonly seconds: number;
}

/** A process that prints nothing for so long hangs. */
const silentMs = 10 * 60_000;

/** Runs a batch. Types are not checked: `deno task gate` checks them all at once. */
export async function runBatch(batch: Batch, limitMs = silentMs): Promise<Outcome> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  const started = performance.now();
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...argumentsOf(batch), `--junit-path=${report}`, ...batch.map(({ path }) => path)],
      env: { NO_COLOR: "1" },
      cwd: rootPath,
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const { output, hung } = await watch(child, limitMs);
    const { code } = await child.status;
    const tests = reported(await Deno.readTextFile(report));
    const seconds = (performance.now() - started) / 1000;
    return {
      batch,
      tests,
      failures: unreported(batch, tests, code, output, hung),
      output,
      seconds,
    };
  } finally {
    await Deno.remove(report);
  }
}

const argumentsOf = ([{ examples }]: Batch): string[] => [
  "test",
  "--allow-all",
  "--no-check",
  ...examples ? ["--doc"] : [],
];

/** No report is left by a process that was killed, or whose files could not be loaded. */
function reported(report: string): TestRun[] {
  return /<testsuites\b/.test(report) ? readTests(report) : [];
}

/** Collects what a process prints, and ends it when it has printed nothing for `limitMs`. */
async function watch(
  child: Deno.ChildProcess,
  limitMs: number,
): Promise<{ output: string; hung: boolean }> {
  let output = "", hung = false;
  const end = () => {
    hung = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(end, limitMs);
  const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      clearTimeout(timer);
      timer = setTimeout(end, limitMs);
    }
  };
  await Promise.all([collect(child.stdout), collect(child.stderr)]);
  clearTimeout(timer);
  return { output, hung };
}

/** The failures that the report does not have. */
function unreported(
  batch: Batch,
  tests: readonly TestRun[],
  code: number,
  output: string,
  hung: boolean,
): string[] {
  if (hung) return [`${lastFile(output) ?? batch[0].path} hangs`];
  const ran = new Set(tests.map(({ file }) => file));
  const without = batch.filter(({ path, examples }) => !examples && !ran.has(path));
  const failures = without.map(({ path }) => `${path} ran no test`);
  const explained = failures.length > 0 || tests.some(({ outcome }) => outcome === "failed");
  if (code !== 0 && !explained) failures.push(`${batch[0].path} ended with exit code ${code}`);
  return failures;
}

/** The file whose tests a process ran last. */
function lastFile(output: string): string | undefined {
  return [...output.matchAll(/^running \d+ tests? from (?:\.\/)?(\S+)/gm)].at(-1)?.[1];
}
