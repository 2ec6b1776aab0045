/**
 * How time and memory grow with width, depth, tokens, rank, modules and vocabulary: `deno task bench:scale`.
 *
 * Every sweep of every contender is a process of its own, and the contenders of a sweep alternate. `--only` names
 * sweeps, `--rounds` processes of each, `--merge FILE.json` keeps an earlier result's other sweeps, `--out` names the
 * files and `--note` adds a note.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
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
async function mergeInto(path: string, later: ScaleResult): Promise<ScaleResult> {
  const earlier: ScaleResult = JSON.parse(await Deno.readTextFile(path));
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

const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: sweeps.map(({ name }) => name).join(",") },
    rounds: { type: "string", default: "2" },
    merge: { type: "string", default: "" },
    out: {
      type: "string",
      default: fileURLToPath(new URL("results/latest.scale", import.meta.url)),
    },
    note: { type: "string", default: "" },
  },
});
const rounds = Number(options.rounds), devices: Record<string, string> = {}, series: Series[] = [];
for (const name of options.only.split(",").filter(Boolean)) {
  series.push(...await run(sweepNamed(name), rounds, devices));
}
const found: ScaleResult = {
  date: new Date().toISOString().slice(0, 10),
  deno: Deno.version.deno,
  machine: machineName(),
  note: options.note,
  ...{ rounds, devices, series },
};
const result = options.merge ? await mergeInto(options.merge, found) : found;
await Deno.writeTextFile(`${options.out}.json`, JSON.stringify(result, null, 1) + "\n");
await Deno.writeTextFile(`${options.out}.md`, scaleTable(result));
await Deno.writeTextFile(`${options.out}.svg`, await scaleFigure(result));
console.log(scaleTable(result));
