/** The main job, `deno task reproduce`: runs experiments and writes what they found. @module */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { Interrupt, type Interrupted } from "../src/terminal/interrupt.ts";
import { assertKnownOptions } from "../src/core/checks.ts";
import { terminalLine } from "../src/core/errors.ts";
import type { DeviceKind } from "../src/device/device.ts";
import { openDevice } from "../src/device/mod.ts";
import { shardOf } from "../src/runs/plan.ts";
import { keepNeeded } from "./frame/permissions.ts";
import { reproduce, type ReproduceOptions } from "./frame/reproduce.ts";
import { archived, experiments, paperParts } from "./registry.ts";

const indent = " ".repeat(21);

/** Four names a line, under the options' texts. */
const listNames = (names: readonly string[]) =>
  names.map((name, i) => `${i % 4 === 0 ? indent : " "}${name}`)
    .reduce((text, name, i) => text + (i % 4 === 0 ? ",\n" : ",") + name);

const minutes = Math.ceil(experiments.reduce((sum, { seconds }) => sum + seconds, 0) / 60);

const usage = `Usage: deno task reproduce [options]

Checks the claims of the LoRA paper at small scale, in about
${minutes} minutes on two cores with OpenBLAS. What you get:
  index.html    the report: each claim, what the paper prints, what was found, and the verdict;
                it is there from the first seconds, grows as the job runs, and needs no network
  results.json  the same as data
  adapters/     the trained adapters, as PEFT folders
  runs/         every training run; after Ctrl-C, the same command continues from there
With --only, and until the job is done, the data is in partial.json. A whole report is never
replaced by a part: where one is, the page that grows is partial.html.

Options:
  --open             open the report in the browser while it grows
  --only <a,b>       only these experiments:
${listNames(experiments.map(({ name }) => name))}
                     these, which the report has no more, as a real decoder took their place:
${listNames(archived.map(({ name }) => name))}
                     or all about a table or figure of the paper:
${listNames(paperParts)}
  --seeds <n>        number of seeds for every training run (default 1)
  --device <kind>    auto, cpu or webgpu (default auto)
  --out <folder>     output folder (default results)
  --full             three seeds unless --seeds is given, all ranks and sizes, no shipped adapters:
                     many hours
  --shard <i/n>      only train the i-th of n parts of the runs; run without it to read them all.
                     In a Slurm array or a Kubernetes indexed job /n will do
  --quick            few steps: shows that everything works, in about a minute, in the subfolder
                     quick; what depends on scale is not judged
  --help             show this text`;

const text = { type: "string" } as const, flag = { type: "boolean", default: false } as const;
const known = {
  ...{ only: text, seeds: text, device: text, out: text, shard: text },
  ...{ full: flag, open: flag, quick: flag, help: flag },
};

/** Parses the arguments of the main job. */
export function parseReproduceArgs(args: readonly string[]): ReproduceOptions | "help" {
  assertKnownOptions(args, Object.keys(known));
  const { values, positionals } = parseArgs({
    args: [...args],
    options: known,
    allowPositionals: true,
  });
  if (values.help) return "help";
  if (positionals.length > 0) {
    const found = positionals.join(",");
    throw new RangeError(
      `experiments must be named by --only, as in --only ${found}, found ${found}`,
    );
  }
  const seeds = Number(values.seeds ?? (values.full ? 3 : 1));
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > 1000) {
    throw new RangeError(`--seeds must be an integer from 1 to 1000, found ${values.seeds}`);
  }
  const { only = "", device = "auto", out = "results", quick, full, open, shard } = values;
  return {
    only: only.split(",").map((name) => name.trim()).filter((name) => name !== ""),
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    deviceKind: parseDevice(device),
    ...{ out: quick ? join(out, "quick") : out, quick, full, open },
    shard: shardOf(shard),
  };
}

function parseDevice(kind: string): DeviceKind | undefined {
  if (kind === "auto") return undefined;
  if (kind === "cpu" || kind === "webgpu") return kind;
  throw new RangeError(`--device must be auto, cpu or webgpu, found ${kind}`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseReproduceArgs(args);
  if (options === "help") {
    console.log(usage);
    return 0;
  }
  const opened = keepNeeded(options);
  using interrupt = new Interrupt().listen();
  using device = await openDevice(options.deviceKind ? { kind: options.deviceKind } : {});
  opened();
  await reproduce(device, options, interrupt.signal);
  return (interrupt.signal.reason as Interrupted | undefined)?.exitCode ?? 0;
}

if (import.meta.main) {
  const code = await main(Deno.args).catch((error: Error) => {
    console.error(`error: ${terminalLine(error.message.replaceAll(/\s*\n\s*/g, " "))}`);
    return 1;
  });
  Deno.exit(code);
}
