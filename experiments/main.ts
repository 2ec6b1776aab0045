/** The main job, `deno task reproduce`: runs experiments and writes what they found. @module */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { Interrupt, type Interrupted } from "../src/core/interrupt.ts";
import { terminalLine } from "../src/core/terminal_text.ts";
import type { DeviceKind } from "../src/device/device.ts";
import { openDevice } from "../src/device/mod.ts";
import { reproduce, type ReproduceOptions } from "./frame/reproduce.ts";
import { parseShard } from "./frame/shard.ts";
import { experiments } from "./registry.ts";

const names = experiments.map(({ name }) => name), indent = " ".repeat(21);

/** Four names a line, under the options' texts. */
const listed = names.map((name, i) => `${i % 4 === 0 ? indent : " "}${name}`)
  .reduce((text, name, i) => text + (i % 4 === 0 ? ",\n" : ",") + name);

const usage = `Usage: deno task reproduce [options]

Checks the claims of the LoRA paper at small scale and writes to a folder: results.json,
the adapters as PEFT folders, and index.html, a report that needs no network. With --only, or
after Ctrl-C, they are partial.json and partial.html; the same command continues.

Options:
  --only <a,b>       only these experiments:
${listed}
  --seeds <n>        number of seeds for every training run (default 1)
  --device <kind>    auto, cpu or webgpu (default auto)
  --out <folder>     output folder (default results)
  --full             three seeds unless --seeds is given, all ranks and sizes, no shipped adapters
  --shard <i/n>      only train the i-th of n parts of the runs; run without it to read them all
  --quick            few steps: shows that everything works, in the subfolder quick
  --help             show this text`;

/** Parses the arguments of the main job. */
export function parseReproduceArgs(args: readonly string[]): ReproduceOptions | "help" {
  const text = { type: "string" } as const, flag = { type: "boolean", default: false } as const;
  const texts = { only: text, seeds: text, device: text, out: text, shard: text };
  const flags = { full: flag, quick: flag, help: flag };
  const { values } = parseArgs({ args: [...args], options: { ...texts, ...flags } });
  if (values.help) return "help";
  const seeds = Number(values.seeds ?? (values.full ? 3 : 1));
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > 1000) {
    throw new RangeError(`--seeds must be an integer from 1 to 1000, found ${values.seeds}`);
  }
  const { only = "", device = "auto", out = "results", quick, full, shard } = values;
  return {
    only: only.split(",").map((name) => name.trim()).filter((name) => name !== ""),
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    deviceKind: parseDevice(device),
    ...{ out: quick ? join(out, "quick") : out, quick, full },
    shard: shard === undefined ? undefined : parseShard(shard),
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
  using interrupt = new Interrupt().listen();
  using device = await openDevice(options.deviceKind ? { kind: options.deviceKind } : {});
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
