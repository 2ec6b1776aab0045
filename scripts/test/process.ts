/**
 * One process of `deno test` over a batch of jobs.
 *
 * @module
 */

import { rootPath } from "../support/source_files.ts";
import { type Batch, examplesOf, tiersOf } from "./jobs.ts";
import { readTests, type TestRun } from "./junit.ts";

/** The end of a batch. */
export interface Outcome {
  readonly batch: Batch;
  readonly tests: readonly TestRun[];
  /** A sentence for each failure that no test reports: a file that ran no test, a process that hung. */
  readonly failures: readonly string[];
  /** Everything that the process printed. */
  readonly output: string;
  /** Seconds from the first test of each file to that of the next, by path. */
  readonly files: Readonly<Record<string, number>>;
  /** Seconds of the process, from its start to its end. */
  readonly seconds: number;
}

/** A process that prints nothing for so long hangs; a test at night may take longer. */
const silentMs = (batch: Batch): number =>
  (batch.some(({ path }) => tiersOf(path)[0] === "nightly") ? 60 : 10) * 60_000;

/** Runs a batch. Types are not checked: `deno task gate` checks them all at once. */
export async function runBatch(batch: Batch, limitMs = silentMs(batch)): Promise<Outcome> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  const started = performance.now();
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...argumentsOf(batch), `--junit-path=${report}`, ...batch.map(({ path }) => path)],
      env: { NO_COLOR: "1" },
      cwd: rootPath,
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const { output, hung, begun, ran } = await watch(child, limitMs);
    const { code } = await child.status;
    const tests = reported(await Deno.readTextFile(report), ran);
    const ended = performance.now(), files = lengths(begun, ended);
    const failures = unreported(batch, tests, hung ? 0 : code, files);
    if (hung) failures.unshift(`${begun.at(-1)?.[0] ?? batch[0].path} hangs`);
    return { batch, tests, failures, output, files, seconds: (ended - started) / 1000 };
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

/**
 * The tests of a report, each with the file that ran it: the report has the one that called `Deno.test`.
 * No report is left by a process that was killed, or whose files could not be loaded.
 */
function reported(report: string, ran: Watched["ran"]): TestRun[] {
  const tests = /<testsuites\b/.test(report) ? readTests(report) : [];
  const turns = Map.groupBy(ran, ([name]) => name);
  return tests.map((test) => ({ ...test, file: turns.get(test.name)?.shift()?.[1] ?? test.file }));
}

/** A process, as far as it is watched. */
interface Printing {
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  kill(signal: "SIGKILL"): void;
}

/** The line of a test. */
const running = /^(\S.*?) \.\.\.(?: |$)/;

/** The line before the first test of a file. */
const beginning = /^running [1-9]\d* tests? from (?:\.\/)?([^\s#$]+)/;

/** Everything that a process printed, and when. */
interface Watched {
  output: string;
  /** True if it was ended, as it had printed nothing for too long. */
  hung: boolean;
  /** Each file and when its first test began. */
  begun: [path: string, ms: number][];
  /** Each test and its file, in turn. */
  ran: [name: string, path: string][];
}

/** Collects what a process prints, and ends it when it has printed nothing for `limitMs`. */
export async function watch(child: Printing, limitMs: number): Promise<Watched> {
  const watched: Watched = { output: "", hung: false, begun: [], ran: [] };
  const end = () => {
    watched.hung = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(end, limitMs);
  const collect = async (stream: Printing["stdout"]) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      watched.output += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop()!; // What comes at once need not end with a line.
      for (const line of lines) {
        const file = beginning.exec(line)?.[1];
        if (file !== undefined) watched.begun.push([file, performance.now()]);
        const test = running.exec(line)?.[1], last = watched.begun.at(-1);
        if (test !== undefined && last) watched.ran.push([test, last[0]]);
      }
      clearTimeout(timer);
      timer = setTimeout(end, limitMs);
    }
  };
  await Promise.all([collect(child.stdout), collect(child.stderr)]);
  clearTimeout(timer);
  return watched;
}

/** Seconds from each file's first test to that of the next; of examples, of the path that has them. */
function lengths(begun: Watched["begun"], ended: number): Record<string, number> {
  const seconds: Record<string, number> = {};
  for (const [place, [file, from]] of begun.entries()) {
    const path = file.endsWith("_test.ts") ? file : examplesOf(file);
    seconds[path] = (seconds[path] ?? 0) + ((begun[place + 1]?.[1] ?? ended) - from) / 1000;
  }
  return seconds;
}

/** The failures that the report does not have. */
function unreported(
  batch: Batch,
  tests: readonly TestRun[],
  code: number,
  files: Outcome["files"],
): string[] {
  const without = batch.filter(({ path, examples }) => !examples && files[path] === undefined);
  const failures = without.map(({ path }) => `${path} ran no test`);
  const explained = failures.length > 0 || tests.some(({ outcome }) => outcome === "failed");
  if (code !== 0 && !explained) failures.push(`${batch[0].path} ended with exit code ${code}`);
  return failures;
}
