/** Fuzzing in a process of its own, which may hang or die. @module */

import { fileURLToPath } from "node:url";
import { rootPath } from "../support/source_files.ts";
import type { Plan, Report } from "./campaign.ts";

/** What came of a kind's inputs, the smallest find as JSON to keep. */
export interface WatchedReport extends Omit<Report, "find"> {
  readonly find?: { readonly reason: string; readonly files: Record<string, unknown> };
}

/** An input may take 1 s, and is tried twice; after this many milliseconds the process hangs. */
const patienceMs = 20_000;

const program = fileURLToPath(new URL("process.ts", import.meta.url));

/** Reports of these kinds, one after the other; a process that hangs or dies is one more find. */
export async function* fuzzWatched(
  kinds: readonly string[],
  { runs, seed }: Pick<Plan, "runs" | "seed">,
): AsyncGenerator<WatchedReport> {
  const waiting = new Set(kinds), note = await Deno.makeTempFile({ prefix: "lowrank_fuzz_" });
  try {
    while (waiting.size > 0) {
      const args = [note, String(runs), String(seed), ...waiting];
      yield* reportsOf(args, note, waiting);
    }
  } finally {
    await Deno.remove(note);
  }
}

/** The reports of one process, and one about its end if that came early. */
async function* reportsOf(
  args: readonly string[],
  note: string,
  waiting: Set<string>,
): AsyncGenerator<WatchedReport> {
  await Deno.writeTextFile(note, "");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-RW", "--no-check", "--v8-flags=--expose-gc", program, ...args],
    cwd: rootPath,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const watch = killWhenStill(child, note);
  try {
    for await (const report of linesOf(child.stdout)) {
      waiting.delete(report.kind);
      yield report;
    }
    const { code } = await child.status;
    if (waiting.size === 0) return;
    const reason = watch.hangs
      ? `it took more than ${patienceMs / 1000} s`
      : `the process ended with exit code ${code}: ${(await errors).slice(-500)}`;
    const { kind, files } = await noteIn(note, reason);
    waiting.delete(kind);
    yield {
      kind,
      accepted: 0,
      refused: 0,
      slowestMs: Infinity,
      megabytes: [],
      find: { reason, files },
    };
  } finally {
    watch[Symbol.dispose]();
    await Promise.all([errors, child.status]);
  }
}

/** Kills the process when the input at hand stays the same for too long. */
function killWhenStill(child: Deno.ChildProcess, note: string): Disposable & { hangs: boolean } {
  const timer = setInterval(() => {
    const { mtime, size } = Deno.statSync(note);
    if (size === 0 || Date.now() - mtime!.getTime() < patienceMs) return;
    watch.hangs = true;
    child.kill("SIGKILL");
  }, 1000);
  const watch = { hangs: false, [Symbol.dispose]: () => clearInterval(timer) };
  return watch;
}

async function* linesOf(stdout: ReadableStream<Uint8Array>): AsyncGenerator<WatchedReport> {
  let rest = "";
  for await (const chunk of stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}

/** The input at hand when the process ended. */
async function noteIn(
  note: string,
  reason: string,
): Promise<{ kind: string; files: Record<string, unknown> }> {
  const text = await Deno.readTextFile(note);
  if (text === "") throw new Error(`fuzzing did not start: ${reason}`);
  return JSON.parse(text);
}
