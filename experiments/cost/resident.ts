/** Memory: predicted, counted, and reported by the operating system. @module */

import { fileURLToPath } from "node:url";
import { fromTo, howMany } from "../../src/core/numbers.ts";
import { table } from "../../src/figures/mod.ts";
import { type Experiment, experiment, type ExperimentContext, LeftOut } from "../frame/mod.ts";
import { configOf, type Reading, type ResidentCase } from "./resident_process.ts";

/** Small to large, full and LoRA, few tokens and many. */
const cases: readonly ResidentCase[] = [
  { width: 256, rank: 0, batch: 4, length: 64 },
  { width: 512, rank: 0, batch: 4, length: 64 },
  { width: 512, rank: 8, batch: 4, length: 64 },
  { width: 256, rank: 0, batch: 16, length: 128 },
  { width: 256, rank: 8, batch: 16, length: 128 },
];

const label = ({ width, rank, batch, length }: ResidentCase): string =>
  `width ${width}, ${rank ? `LoRA r = ${rank}` : "full"}, ${batch} x ${length}`;

async function residentRows({ quick, signal, report }: ExperimentContext) {
  if (Deno.build.os !== "linux") {
    return new LeftOut(
      "resident memory is read from Linux's /proc, which this system does not have",
    );
  }
  const rows: ResidentRow[] = [];
  for (const trained of quick ? cases.slice(0, 1) : cases) {
    signal.throwIfAborted();
    rows.push(await measureResident(trained));
    report(rows.length / cases.length, label(trained));
  }
  return rows;
}

/** One process. */
type ResidentRow = Awaited<ReturnType<typeof measureResident>>;

/**
 * Trains in a separate process and reads what Linux reports about it.
 *
 * @throws {Error} when the process fails; the message contains its output.
 */
export async function measureResident(trained: ResidentCase) {
  const program = new URL("./resident_process.ts", import.meta.url);
  const path = program.protocol === "file:" ? fileURLToPath(program) : program.href;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, JSON.stringify(trained)],
  }).output();
  const [text, problem] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`training in a separate process failed: ${problem.trim()}`);
  return { ...JSON.parse(text) as Reading, trained, ...await predictionOf(trained) };
}

async function predictionOf(trained: ResidentCase) {
  // Here, so that nothing else waits for mathjs.
  const { evaluateFormula, gpt2StepBytes } = await import("../../src/accounting/mod.ts");
  const { width: d, rank, batch: b, length: s } = trained, config = configOf(trained);
  const lora = rank === 0 ? undefined : { rank, sites: "all" as const };
  const bytes = gpt2StepBytes(config, { batch: b, length: s, lora })!;
  const predicted = Object.values(bytes).reduce((sum, some) => sum + some, 0);
  // Blocks are alike, so each fills what the one before it freed: at most one block's space stays empty.
  const holes = evaluateFormula("stepDownGradientBytes", { b, s, d, d_ff: 4 * d });
  return { predicted, holes: Number(holes) };
}

/** Resident bytes of the device's memory above the ledger's peak, and how many can be explained. */
export function besidePeak({ device, peak, scratch, padding, holes }: ResidentRow) {
  return { found: device - peak, explained: scratch + padding + holes };
}

const isPredicted = ({ predicted, peak }: ResidentRow): boolean => predicted === peak;

function isExplained(row: ResidentRow): boolean {
  const { found, explained } = besidePeak(row);
  return isPredicted(row) && found >= 0 && found <= explained;
}

/** Closed formula, ledger and resident memory, one process per row, on Linux. */
export const resident: Experiment = experiment({
  name: "resident",
  seconds: 7,
  title: "Memory: predicted, counted, and reported by the system",
  question: "Does the operating system report the bytes that we predict?",
  source: "our own question; not in the paper",
  settings: "GPT-2 models of three blocks on the cpu device with two threads. " +
    "The device's memory is a single mapping. All of the ledger's peak is resident, because every byte was " +
    "written; so are 1 MiB of scratch for each thread, the padding, and holes: space that a block freed " +
    "and the next one could not reuse. A negative value is scratch that was never touched. The rest of the " +
    "process is Deno: what it used before, and what grew during the work, such as host copies of the " +
    "initial weights and compiled code.",
  rows: (_, context) => residentRows(context),
  beyond: true,
  claims: [{
    text: "Predicted memory matches what the operating system reports",
    rule:
      "when in every process the closed formula equals the ledger's peak to the byte, and the " +
      "resident part of the device's memory is at least that peak and exceeds it by no more than the " +
      "threads' scratch, the padding, and what the backward pass of one block frees",
    ours: (rows) => `equal in ${rows.filter(isPredicted).length} of ${rows.length} processes`,
    holds: (rows) => rows.every(isExplained),
    found(rows) {
      const shares = rows.map(({ device, peak }) => 100 * (device / peak - 1));
      return `Formula and ledger agree to the byte in ${rows.filter(isPredicted).length} of ` +
        `${howMany(rows.length, "process", "processes")}; resident device memory is ${
          fromTo(shares, 1)
        }% above ` +
        "the peak.";
    },
  }],
  tables: [(rows) =>
    table({
      id: "resident",
      title: "Bytes of two training steps in a fresh process: predicted, counted, resident",
      columns: [
        ["label", "case", "text", ({ trained }) => label(trained)],
        ["predicted", "closed formula", "bytes"],
        ["peak", "ledger's peak", "bytes"],
        ["device", "device, resident", "bytes"],
        ["scratch", "threads' scratch", "bytes"],
        ["left", "padding, holes", "bytes", ({ device, peak, scratch }) => device - peak - scratch],
        ["before", "Deno, before", "bytes"],
        ["host", "Deno's growth", "bytes", ({ process, before, device }) =>
          process - before - device],
        ["process", "whole process", "bytes"],
      ],
      rows,
    })],
});
