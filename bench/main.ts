/**
 * Ours and the peers, each workload in a fresh process, alternating: `deno task bench`, see README.md.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { environmentOf, settingOf } from "./environment.ts";
import { figure } from "./figure.ts";
import type { Report } from "./protocol.ts";
import { profileOf, writeProfiles } from "./profile.ts";
import { startUp } from "./start_up.ts";
import { summarize, type Summary } from "./summary.ts";
import { tableOf } from "./table.ts";
import { type Workload, workloads } from "./workloads.ts";

/** A program that takes a variant and a workload. */
interface Contender {
  readonly name: string;
  readonly program: "ours" | "jax" | "tfjs" | "torch";
  readonly variant: string;
}

const contenders: Contender[] = [
  { name: "ours cpu 1 thread", program: "ours", variant: "cpu1" },
  { name: "ours cpu", program: "ours", variant: "cpu" },
  { name: "ours cpu blas", program: "ours", variant: "blas" },
  { name: "jax wasm", program: "jax", variant: "wasm" },
  { name: "tfjs wasm", program: "tfjs", variant: "wasm" },
  { name: "torch", program: "torch", variant: "cpu" },
  { name: "ours webgpu", program: "ours", variant: "webgpu" },
  { name: "jax webgpu", program: "jax", variant: "webgpu" },
  { name: "tfjs webgpu", program: "tfjs", variant: "webgpu" },
];

const folder = new URL(".", import.meta.url), root = new URL("..", folder);

function programOf({ program, variant }: Contender, workload: string): [string, string[]] {
  if (program === "torch") {
    const script = new URL("bench/contenders/pytorch.py", root).pathname;
    return [Deno.env.get("LOWRANK_PYTHON") ?? "python3", [script, variant, workload]];
  }
  const script = new URL(`contenders/${program}.ts`, folder).pathname;
  return [Deno.execPath(), ["run", "-A", "--no-lock", script, variant, workload]];
}

async function runOnce(contender: Contender, workload: string, limit: number): Promise<Report> {
  const [program, args] = programOf(contender, workload);
  const signal = AbortSignal.timeout(limit * 1000);
  const options = { args, env: environmentOf(contender.variant), clearEnv: true, signal };
  try {
    const { stdout, stderr } = await new Deno.Command(program, options).output();
    if (signal.aborted) return { notRun: `longer than ${limit} s` };
    const line = new TextDecoder().decode(stdout).trim().split("\n").pop();
    return line ? JSON.parse(line) : { notRun: lastLine(stderr) };
  } catch (error) {
    return { notRun: `${program.split("/").pop()}: ${(error as Error).message}` };
  }
}

function lastLine(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trim().split("\n").pop()!.slice(0, 200);
}

function isChosen(name: string, chosen: string): boolean {
  return chosen === "" || chosen.split(",").some((part) => name === part.trim());
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "2" },
    workloads: { type: "string", default: "" },
    contenders: { type: "string", default: "" },
    limit: { type: "string", default: "120" },
    out: { type: "string", default: new URL("results/latest", folder).pathname },
    merge: { type: "string", default: "" },
    note: { type: "string", default: "" },
    profile: { type: "boolean", default: false },
  },
});

/** A reason that says the same in every round is not asked for again. */
async function compete(): Promise<Map<string, Report[]>> {
  const reports = new Map<string, Report[]>(), torch = contenders[5];
  for (let round = 1; round <= Number(options.rounds); round++) {
    await add(reports, torch, "roof", round);
    for (const workload of workloads.filter((name) => isChosen(name, options.workloads))) {
      for (const contender of contenders) {
        if (!isChosen(contender.name, options.contenders)) continue;
        await add(reports, contender, workload, round);
      }
    }
  }
  return reports;
}

async function add(
  reports: Map<string, Report[]>,
  contender: Contender,
  workload: Workload | "roof",
  round: number,
): Promise<void> {
  const key = `${workload}/${contender.name}`, before = reports.get(key) ?? [];
  if (before.some(({ notRun }) => notRun)) return;
  const report = await runOnce(contender, workload, Number(options.limit));
  reports.set(key, [...before, report]);
  console.error(`round ${round} ${key}: ${report.notRun ?? "done"}`);
}

/** An earlier result with the cases of a later one in place of its own. */
async function mergeInto(path: string, later: Summary): Promise<Summary> {
  const earlier: Summary = JSON.parse(await Deno.readTextFile(path));
  const again = new Set(later.rows.map((row) => row.case));
  const rows = [...earlier.rows.filter((row) => !again.has(row.case)), ...later.rows];
  return { ...earlier, note: `${earlier.note} ${later.note}`.trim(), rows };
}

/** Where the time of our own steps goes, in place of the comparison. */
async function profileOurs(): Promise<void> {
  const ours = contenders.filter(({ program, name }) =>
    program === "ours" && isChosen(name, options.contenders)
  );
  const sections = [];
  for (const workload of workloads.filter((name) => isChosen(name, options.workloads))) {
    for (const { variant } of ours) sections.push(await profileOf(variant, workload));
  }
  await writeProfiles(`${options.out}.profile.html`, sections);
}

if (options.profile) {
  await profileOurs();
  Deno.exit();
}
const found: Summary = {
  ...settingOf(),
  note: options.note,
  rounds: Number(options.rounds),
  startUp: await startUp(root),
  ...summarize(await compete()),
};
const summary = options.merge ? await mergeInto(options.merge, found) : found;
await Deno.writeTextFile(`${options.out}.json`, JSON.stringify(summary, null, 1) + "\n");
await Deno.writeTextFile(`${options.out}.md`, tableOf(summary));
await Deno.writeTextFile(`${options.out}.svg`, figure(summary));
console.log(tableOf(summary));
