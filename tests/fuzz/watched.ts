/** Fuzzing in a process of its own, which may hang or die. @module */

import { fileURLToPath } from "node:url";
import { withMemoryFolder } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import type { Plan, Report } from "./campaign.ts";

/** Results of a kind's inputs, with the smallest find as JSON to keep. */
export interface WatchedReport extends Omit<Report, "find"> {
  readonly find?: { readonly reason: string; readonly files: Record<string, unknown> };
}

/** After so many milliseconds at one input the process hangs. */
const patienceMs = 20_000;

const program = fileURLToPath(new URL("process.ts", import.meta.url));

/** The report of inputs of a kind; a process that hangs or dies is a find. */
export async function fuzzWatched(kind: string, plan: Plan): Promise<WatchedReport> {
  let report: WatchedReport;
  await withMemoryFolder(async (folder) => {
    report = await watched(kind, plan, `${folder}/note`);
  });
  return report!;
}

/** The report of a process that writes each input down before it tries it. */
async function watched(kind: string, { runs, seed }: Plan, note: string): Promise<WatchedReport> {
  Deno.writeTextFileSync(note, "");
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--v8-flags=--expose-gc", program],
      ...[note, kind, String(runs), String(seed)],
    ],
    cwd: rootPath,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  using watch = killWhenStill(child, note);
  const { code, stdout, stderr } = await child.output();
  if (code === 0) return JSON.parse(new TextDecoder().decode(stdout));
  const reason = watch.hangs
    ? `it took more than ${patienceMs / 1000} s`
    : `the process ended with exit code ${code}: ${new TextDecoder().decode(stderr).slice(-500)}`;
  const find = { reason, files: await inputAtHand(note, reason) };
  return { kind, accepted: 0, refused: 0, slowestMs: Infinity, megabytes: [], find };
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

/** The input at hand when the process ended. */
async function inputAtHand(note: string, reason: string): Promise<Record<string, unknown>> {
  const text = await Deno.readTextFile(note);
  if (text === "") throw new Error(`fuzzing did not start: ${reason}`);
  return JSON.parse(text);
}
