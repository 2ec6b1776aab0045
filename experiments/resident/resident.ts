/** Predicted, kept in the books, and seen by the operating system. @module */

import { fileURLToPath } from "node:url";
import { howMany } from "../../src/core/how_many.ts";
import { table } from "../../src/figures/mod.ts";
import { type Experiment, experiment, type ExperimentContext, LeftOut } from "../frame/mod.ts";
import { configOf, type Reading, type ResidentCase } from "./process.ts";

/** Small to large, full and LoRA, few tokens and many. */
const cases: readonly ResidentCase[] = [
  { width: 256, rank: 0, batch: 4, length: 64 },
  { width: 512, rank: 0, batch: 4, length: 64 },
  { width: 512, rank: 8, batch: 4, length: 64 },
  { width: 512, rank: 0, batch: 16, length: 128 },
  { width: 512, rank: 8, batch: 16, length: 128 },
];

const label = ({ width, rank, batch, length }: ResidentCase): string =>
  `width ${width}, ${rank ? `LoRA r = ${rank}` : "full"}, ${batch} x ${length}`;

async function residentRows({ quick, signal, report }: ExperimentContext) {
  if (Deno.build.os !== "linux") {
    return new LeftOut(
      "resident memory by mapping is read from Linux's /proc; this is another system",
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
 * Trains in a process of its own and reads what Linux says of it.
 *
 * @throws {Error} when the process fails; the message is what it said.
 */
export async function measureResident(trained: ResidentCase) {
  const program = new URL("./process.ts", import.meta.url);
  const path = program.protocol === "file:" ? fileURLToPath(program) : program.href;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, JSON.stringify(trained)],
  }).output();
  const [text, problem] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`training in a process of its own failed: ${problem.trim()}`);
  return { ...JSON.parse(text) as Reading, trained, ...await predictionOf(trained) };
}

async function predictionOf(trained: ResidentCase) {
  // Here, so that nothing else waits for mathjs.
  const { evaluateFormula, gpt2StepBytes } = await import("../../src/accounting/mod.ts");
  const { width: d, rank, batch: b, length: s } = trained, config = configOf(trained);
  const lora = rank === 0 ? undefined : { rank, sites: "all" as const };
  const bytes = gpt2StepBytes(config, { batch: b, length: s, lora })!;
  const { n_layer: L, n_head: a, vocab_size: n_voc } = config;
  const forward = evaluateFormula("stepForwardBytes", { b, s, d, d_ff: 4 * d, L, a, n_voc });
  const predicted = Object.values(bytes).reduce((sum, some) => sum + some, 0);
  // What the backward pass holds at its peak: only there are places freed before the step's end.
  return { predicted, holes: bytes.activation - Number(forward) };
}

/** What is in the device's memory beside the ledger's peak, and the most of it that is explained. */
export function besidePeak({ device, peak, scratch, padding, holes }: ResidentRow) {
  return { found: device - peak, explained: scratch + padding + holes };
}

const isPredicted = ({ predicted, peak }: ResidentRow): boolean => predicted === peak;

function isExplained(row: ResidentRow): boolean {
  const { found, explained } = besidePeak(row);
  return isPredicted(row) && found >= 0 && found <= explained;
}

/** Closed formula, ledger and resident memory, a process a row. Linux tells what is resident. */
export const resident: Experiment = experiment({
  name: "resident",
  title: "Predicted, counted, and seen by the system",
  question: "Are the bytes that we predict those that the operating system gives?",
  source: "ours; the paper counts on paper alone",
  settings: "GPT-2s of three blocks on the cpu device with two threads. " +
    "The device's memory is one mapping: the ledger's peak is in it whole, because every byte of it was " +
    "written. Beside it lie 1 MiB of scratch for each thread, the padding, and holes: places that the " +
    "backward pass freed and could not fill again; a negative hole is scratch that was never touched. The " +
    "rest of the process is Deno: what it was before, and what grew with the work, such as host copies of " +
    "the first weights and compiled code.",
  rows: (_, context) => residentRows(context),
  claims: [{
    text: "What is predicted is what the system sees",
    rule:
      "held when in every process the closed formula is the ledger's peak to the byte, and the " +
      "device's memory is resident with no less than that peak, and with no more beside it than the " +
      "threads' scratch, the padding, and the places that the backward pass frees before a step's end",
    holds: (rows) => rows.every(isExplained),
    found(rows) {
      const shares = rows.map(({ device, peak }) => 100 * (device / peak - 1));
      const [least, most] = [Math.min, Math.max].map((pick) => pick(...shares).toFixed(1));
      return `${
        howMany(rows.length, "process", "processes")
      }: formula and ledger agree to the byte in ${
        rows.filter(isPredicted).length
      }; the device's memory is ${least === most ? least : `${least} to ${most}`}% above.`;
    },
  }],
  tables: [(rows) =>
    table({
      id: "resident",
      title: "Bytes of two steps in a fresh process each: predicted, counted, resident",
      columns: [
        ["label", "trained", "text", ({ trained }) => label(trained)],
        ["predicted", "closed formula", "bytes"],
        ["peak", "ledger's peak", "bytes"],
        ["device", "device, resident", "bytes"],
        ["scratch", "threads' scratch", "bytes"],
        ["left", "padding, holes", "bytes", ({ device, peak, scratch }) => device - peak - scratch],
        ["before", "Deno before", "bytes"],
        ["host", "Deno's growth", "bytes", ({ process, before, device }) =>
          process - before - device],
        ["process", "process", "bytes"],
      ],
      rows,
    })],
});
