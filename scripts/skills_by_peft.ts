/**
 * Trains three tasks of the map `needed-rank` in PyTorch and PEFT: texts and orders are drawn here, as for our runs, the
 * rates are the map's, and no seed is one of ours. Rows are written as they come; those that are there are not trained
 * again, unless the map's rate is another.
 *
 *     LOWRANK_PYTHON=python3 deno task train:peft
 *
 * @module
 */

import { settingOf } from "../bench/environment.ts";
import {
  peftCells,
  type PeftRow,
  peftRows,
  repeatsOf,
  rowsOf,
} from "../experiments/skills/needed_rank/peft.ts";
import { type MapRun, planCells } from "../experiments/skills/needed_rank/runs.ts";
import { batchesOf, type SkillRun, skillsFolder } from "../experiments/skills/runs.ts";
import type { Batch } from "../src/core/batch.ts";
import { writeJsonAtomic } from "../src/storage/files.ts";
import { pythonCommand } from "./support/python.ts";
import { rootPath } from "./support/source_files.ts";

/** A and B of linear layers, as PEFT names them. */
export type PeftStart = Readonly<Record<string, Readonly<Record<"A" | "B", readonly number[]>>>>;

/** PEFT's names of the layers of q and v, once `c_attn` is split, and of all linear layers of a block. */
const linearsOf = {
  qv: ["c_attn.q", "c_attn.v"],
  all: ["c_attn.q", "c_attn.k", "c_attn.v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"],
};

/** Settings of a run, as `peft_skills.py` reads them. */
function settingsOf({ method, learningRate, steps, seed }: SkillRun, start?: PeftStart) {
  const warmupSteps = Math.ceil(steps / 30), how = { learningRate, steps, warmupSteps, seed };
  if (method.kind !== "lora") return { ...how, start };
  const { rank, alpha, sites } = method;
  return { ...how, rank, alpha, linears: linearsOf[sites === "all" ? "all" : "qv"], start };
}

const listsOf = ({ shape: [rows, length], data }: Batch["targets"]): number[][] =>
  Array.from({ length: rows }, (_, row) => [...data.subarray(row * length, (row + 1) * length)]);

/**
 * Writes a run for `peft_skills.py`.
 *
 * @param start Initial A and B, in place of PEFT's random ones.
 */
export async function writeCase(path: string, run: SkillRun, start?: PeftStart): Promise<void> {
  const { train, measured } = await batchesOf(run), lines: unknown[] = [settingsOf(run, start)];
  const add = ({ inputs, targets }: Batch) =>
    lines.push({ input_ids: listsOf(inputs.tokens), labels: listsOf(targets) });
  for (const batch of train) {
    add(batch);
    if (lines.length > run.steps) break;
  }
  for (const batch of measured) add(batch);
  await Deno.writeTextFile(path, lines.map((line) => JSON.stringify(line)).join("\n"));
}

const target = `${rootPath}/experiments/skills/needed_rank/peft.json`;

/** Output of the program for a case. */
interface Printed extends Pick<PeftRow, "loss" | "texts" | "trained"> {
  readonly exact: number;
  readonly versions: Readonly<Record<string, string>>;
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    const lines = (text + decoder.decode(part, { stream: true })).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}

/** Trains runs in their order, and calls `use` after each. */
async function trainAll(
  runs: readonly MapRun[],
  use: (printed: Printed) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir(), cases = runs.map((_, at) => `${folder}/${at}.jsonl`);
  for (const [at, run] of runs.entries()) await writeCase(cases[at], run);
  const args = [`${rootPath}/scripts/golden/peft_skills.py`, skillsFolder, ...cases];
  await using python = new Deno.Command(pythonCommand, { args, stdout: "piped" }).spawn();
  for await (const line of linesOf(python.stdout)) await use(JSON.parse(line));
  if (!(await python.status).success) throw new Error("PyTorch's training failed");
  await Deno.remove(folder, { recursive: true });
}

function rowOf({ task, arm, repeat, learningRate, steps }: MapRun, printed: Printed): PeftRow {
  const { exact, loss, texts, trained } = printed, { line, rank } = arm;
  return {
    ...{ task: task.name, line, rank, base: "trained", steps, seed: repeat, learningRate },
    ...{ trained, right: 100 * exact, loss, texts },
  };
}

/** `PyTorch 2.13.0, …, 1 thread, 2 cores of an Intel Xeon Processor, 2026-12-01`. */
function sourceOf({ versions }: Printed): string {
  const programs = Object.entries(versions).map((program) => program.join(" ")).join(", ");
  const { date, machine } = settingOf();
  return `${programs}, 1 thread, ${machine}, ${date}`;
}

/** True if a row is that of a run, at the rate that the map has. */
const isOf = ({ repeat, learningRate }: MapRun) => (row: PeftRow): boolean =>
  row.seed === repeat && row.learningRate === learningRate;

if (import.meta.main) {
  const planned = planCells(peftCells, repeatsOf.peft, false).map(({ chosen }) => chosen);
  const rows = planned.flatMap((run) => rowsOf(run, peftRows).filter(isOf(run)));
  const wanted = planned.filter((run) => !rowsOf(run, rows).some(isOf(run)));
  const runs = wanted.values();
  await trainAll(wanted, async (printed) => {
    rows.push(rowOf(runs.next().value!, printed));
    await writeJsonAtomic(target, { source: sourceOf(printed), rows });
    console.error(JSON.stringify(rows.at(-1)));
  });
}
