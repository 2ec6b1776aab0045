/**
 * Growth of time and memory with width, depth, tokens, rank, modules and vocabulary:
 * `deno task bench:scale`.
 *
 * Every sweep of every contender is a process of its own, and the contenders of a sweep alternate.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { assertKnownOptions } from "../src/core/checks.ts";
import { countOf, listed, namesIn, resultIn, runCommand } from "./command.ts";
import { lastLineOf, machineName } from "./environment.ts";
import { type Count, countSpectra, countStep } from "./scale/count.ts";
import { scaleFigure } from "./scale/figure.ts";
import type { Found, Point, ScaleResult, Series } from "./scale/result.ts";
import {
  contendersOf,
  middleStep,
  middleUpdate,
  type Sweep,
  sweepNamed,
  sweeps,
  type Variant,
  type Work,
} from "./scale/sweeps.ts";
import { scaleTable } from "./scale/table.ts";

const program = fileURLToPath(new URL("contenders/ours_scale.ts", import.meta.url));

const names = sweeps.map(({ name }) => name);

const usage = `Usage: deno task bench:scale [options]

Grows one quantity at a time, and writes times, memory and their exponents.

Options:
  --only <a,b>         only these sweeps
  --rounds <n>         fresh processes of each (default 2)
  --merge <file.json>  keep the other sweeps of an earlier result; with --only "" draw it again
  --out <path>         the files to write, without .json, .md or .svg (default bench/results/latest.scale)
  --note <text>        a note for the result
  --help               show this text

Sweeps:
${listed(names)}`;

async function countsOf(sweep: Sweep, work: Work): Promise<Count[]> {
  if ("of" in sweep) {
    return sweep.values.map((n) => countSpectra({ ...middleUpdate, ...sweep.of(n) }));
  }
  const counts: Count[] = [], method = work === "full" ? "full" : "lora";
  for (const n of sweep.values) {
    counts.push(await countStep({ ...middleStep, ...sweep.at(n) }, method));
  }
  return counts;
}

/** The least times of several processes; what they hold is the same in each. */
function seriesOf(
  found: readonly Found[],
  counts: readonly Count[],
): Pick<Series, "points" | "resident"> {
  const [{ points, resident }] = found;
  return {
    points: points.map((point, i): Point => {
      const ms = Math.min(...found.map(({ points }) => points[i].ms));
      return { ...point, ms: Number(ms.toPrecision(4)), count: counts[i] };
    }),
    ...(resident && { resident }),
  };
}

/** A sweep's contenders, each once in every round. */
async function run(
  sweep: Sweep,
  rounds: number,
  devices: Record<string, string>,
): Promise<Series[]> {
  const contenders = contendersOf(sweep).map((own) => ({ ...own, found: [] as Found[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { work, variant, found } of contenders) {
      const args = ["run", "-A", "--no-lock", program, variant, sweep.name, work],
        start = Date.now();
      found.push(JSON.parse(await lastLineOf(variant, Deno.execPath(), args)));
      devices[deviceKey(sweep, variant)] = found[0].device;
      const seconds = ((Date.now() - start) / 1000).toFixed(1);
      console.error(`round ${round}, ${sweep.name}, ${work} on ${variant}: ${seconds} s`);
    }
  }
  const series: Series[] = [];
  for (const { work, variant, found } of contenders) {
    const own = seriesOf(found, await countsOf(sweep, work));
    series.push({ sweep: sweep.name, work, variant, ...own });
  }
  return series;
}

const deviceKey = (sweep: Sweep, variant: Variant) =>
  `${"of" in sweep ? "spectra" : "steps"}, ${variant}`;

/** An earlier result with the sweeps of a later one in place of its own. */
function mergeInto(earlier: ScaleResult, later: ScaleResult): ScaleResult {
  if (later.series.length === 0) return earlier; // drawn again, here or elsewhere
  const kept = earlier.series.filter(({ sweep }) =>
    later.series.every((own) => own.sweep !== sweep)
  );
  const all = [...kept, ...later.series],
    place = ({ sweep }: Series) => sweeps.findIndex(({ name }) => name === sweep);
  return {
    ...later,
    note: later.note || earlier.note,
    devices: { ...earlier.devices, ...later.devices },
    series: all.sort((a, b) => place(a) - place(b)),
  };
}

const text = { type: "string" } as const, latest = new URL("results/latest.scale", import.meta.url);
const known = {
  ...{ only: text, merge: text, rounds: { ...text, default: "2" }, note: { ...text, default: "" } },
  out: { ...text, default: fileURLToPath(latest) },
};

/** Parses the arguments; nothing has run yet. */
export async function parseArguments(args: readonly string[]) {
  assertKnownOptions(args, Object.keys(known));
  const { only, rounds, merge, out, note } = parseArgs({ args: [...args], options: known }).values;
  if (only === "" && merge === undefined) {
    throw new RangeError('--only "" draws a result again, and needs --merge FILE.json');
  }
  return {
    ...{ out, note, rounds: countOf("--rounds", rounds) },
    chosen: only === "" ? [] : namesIn("a sweep", names, only).map(sweepNamed),
    earlier: merge === undefined ? undefined : await resultIn<ScaleResult>(merge, "series"),
  };
}

async function main(args: readonly string[]): Promise<void> {
  const { chosen, rounds, earlier, out, note } = await parseArguments(args);
  const devices: Record<string, string> = {}, series: Series[] = [];
  for (const sweep of chosen) series.push(...await run(sweep, rounds, devices));
  const found: ScaleResult = {
    date: new Date().toISOString().slice(0, 10),
    deno: Deno.version.deno,
    machine: machineName(),
    ...{ note, rounds, devices, series },
  };
  const result = earlier ? mergeInto(earlier, found) : found;
  await Deno.writeTextFile(`${out}.json`, JSON.stringify(result, null, 1) + "\n");
  await Deno.writeTextFile(`${out}.md`, scaleTable(result));
  await Deno.writeTextFile(`${out}.svg`, await scaleFigure(result));
  console.log(scaleTable(result));
}

if (import.meta.main) await runCommand(usage, main);
