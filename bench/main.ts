/**
 * Ours and the peers, each workload in a fresh process, alternating: `deno task bench`, see README.md.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { assertKnownOptions } from "../src/core/checks.ts";
import { countOf, listed, namesIn, resultIn, runCommand } from "./command.ts";
import { environmentOf, missingInPython, reasonOf, settingOf } from "./environment.ts";
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

const torch = contenders.find(({ name }) => name === "torch")!;
const ours = contenders.filter(({ program }) => program === "ours");

const usage = `Usage: deno task bench [options]

Times ours and the peers, and writes how they compare. With --workloads or --contenders nothing
is said about start-up.

Options:
  --workloads <a,b>    only these workloads
  --contenders <a,b>   only these contenders
  --rounds <n>         fresh processes of each (default 2)
  --limit <seconds>    end a process after so long (default 120)
  --profile            where the time of our steps goes, in place of the comparison
  --merge <file.json>  add the new cases to an earlier result
  --out <path>         the files to write, without .json, .md or .svg (default bench/results/latest)
  --note <text>        a note for the result
  --help               show this text

Workloads:
${listed(workloads)}

Contenders; the first word is the program, and LOWRANK_PYTHON names torch's Python:
${listed(contenders.map(({ name }) => name))}`;

const folder = new URL(".", import.meta.url), root = new URL("..", folder);
const python = Deno.env.get("LOWRANK_PYTHON") ?? "python3";

function programOf({ program, variant }: Contender, workload: string): [string, string[]] {
  if (program === "torch") {
    const script = new URL("bench/contenders/pytorch.py", root).pathname;
    return [python, [script, variant, workload]];
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
    return line ? JSON.parse(line) : { notRun: reasonOf(stderr) };
  } catch (error) {
    return { notRun: `${program.split("/").pop()}: ${(error as Error).message}` };
  }
}

const text = { type: "string" } as const;
const known = {
  ...{ workloads: text, contenders: text, merge: text, note: { ...text, default: "" } },
  ...{ rounds: { ...text, default: "2" }, limit: { ...text, default: "120" } },
  profile: { type: "boolean", default: false } as const,
  out: { ...text, default: fileURLToPath(new URL("results/latest", folder)) },
};

/** Parses the arguments; nothing has run yet. */
export async function parseArguments(args: readonly string[]) {
  assertKnownOptions(args, Object.keys(known));
  const { rounds, limit, merge, ...options } =
    parseArgs({ args: [...args], options: known }).values;
  const all = options.profile ? ours : contenders;
  const names = namesIn(
    options.profile ? "a contender with a profile" : "a contender",
    all.map(({ name }) => name),
    options.contenders,
  );
  return {
    ...options,
    workloads: namesIn("a workload", workloads, options.workloads),
    contenders: all.filter(({ name }) => names.includes(name)),
    isWhole: options.workloads === undefined && options.contenders === undefined,
    ...{ rounds: countOf("--rounds", rounds), limit: countOf("--limit", limit) },
    earlier: merge === undefined ? undefined : await resultIn<Summary>(merge, "rows"),
  };
}

type Options = Awaited<ReturnType<typeof parseArguments>>;

/** A reason that says the same in every round is not asked for again. */
async function compete(options: Options): Promise<Map<string, Report[]>> {
  const reports = new Map<string, Report[]>();
  for (let round = 1; round <= options.rounds; round++) {
    await add(reports, torch, "roof", round, options.limit);
    for (const workload of options.workloads) {
      for (const contender of options.contenders) {
        await add(reports, contender, workload, round, options.limit);
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
  limit: number,
): Promise<void> {
  const key = `${workload}/${contender.name}`, before = reports.get(key) ?? [];
  if (before.some(({ notRun }) => notRun)) return;
  console.error(`round ${round} ${key}: begins`);
  const report = await runOnce(contender, workload, limit);
  reports.set(key, [...before, report]);
  console.error(`round ${round} ${key}: ${report.notRun ?? "done"}`);
}

/** An earlier result with the cases of a later one in place of its own. */
function mergeInto(earlier: Summary, later: Summary): Summary {
  const again = new Set(later.rows.map((row) => row.case));
  const rows = [...earlier.rows.filter((row) => !again.has(row.case)), ...later.rows];
  return { ...earlier, note: `${earlier.note} ${later.note}`.trim(), rows };
}

/** Profiles our own steps, in place of the comparison. */
async function profileOurs({ workloads, contenders, out }: Options): Promise<void> {
  const sections = [];
  for (const workload of workloads) {
    for (const { name, variant } of contenders) {
      console.error(`profile of ${workload}, ${name}: begins`);
      sections.push(await profileOf(variant, workload));
    }
  }
  await writeProfiles(`${out}.profile.html`, sections);
}

/** The comparison; a result without a row is an error, and leaves the last one as it is. */
async function compare(options: Options): Promise<Summary> {
  const missing = options.contenders.includes(torch) && await missingInPython(python);
  if (missing) console.error(`torch will not run: ${missing}`);
  const found: Summary = {
    ...settingOf(),
    ...{ note: options.note, rounds: options.rounds },
    ...options.isWhole && { startUp: await startUp(root, options.limit) },
    ...summarize(await compete(options)),
  };
  if (found.rows.length > 0) return found;
  const reasons = found.notRun.map(({ what, why }) => `${what}: ${why}`).join("; ");
  throw new Error(`at least one contender must run, found ${reasons}`);
}

async function main(args: readonly string[]): Promise<void> {
  const options = await parseArguments(args), { out, earlier } = options;
  if (options.profile) return await profileOurs(options);
  const found = await compare(options);
  const summary = earlier ? mergeInto(earlier, found) : found;
  await Deno.writeTextFile(`${out}.json`, JSON.stringify(summary, null, 1) + "\n");
  await Deno.writeTextFile(`${out}.md`, tableOf(summary));
  await Deno.writeTextFile(`${out}.svg`, figure(summary));
  console.log(tableOf(summary));
}

if (import.meta.main) await runCommand(usage, main);
