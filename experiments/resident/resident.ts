/** Predicted, kept in the books, and seen by the operating system. @module */

import { howMany } from "../../src/core/how_many.ts";
import type { DataTable } from "../../src/figures/figure.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import type { ResidentRow } from "./measure.ts";
import type { ResidentCase } from "./reading.ts";

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

/** What lies in the device's memory beside the ledger's peak, and the most of it that is explained. */
export function besidePeak({ device, peak, scratch, padding, holes }: ResidentRow) {
  return { found: device - peak, explained: scratch + padding + holes };
}

function isExplained(row: ResidentRow): boolean {
  const { found, explained } = besidePeak(row);
  return row.predicted === row.peak && found >= 0 && found <= explained;
}

function finding(rows: readonly ResidentRow[]): Finding {
  const shares = rows.map(({ device, peak }) => 100 * (device / peak - 1));
  const [least, most] = [Math.min, Math.max].map((pick) => pick(...shares).toFixed(1));
  return {
    claim: "What is predicted is what the system sees",
    rule:
      "held when in every process the closed formula is the ledger's peak to the byte, and the " +
      "device's memory is resident with no less than that peak, and with no more beside it than the " +
      "threads' scratch, the padding, and the places that the backward pass frees before a step's end",
    found: `${
      howMany(rows.length, "process", "processes")
    }: formula and ledger agree to the byte in ${
      rows.filter(({ peak, predicted }) => peak === predicted).length
    }; the device's memory is ${least === most ? least : `${least} to ${most}`}% above.`,
    verdict: rows.every(isExplained) ? "held" : "not held at this scale",
  };
}

const columns = [
  ["predicted", "closed formula"],
  ["peak", "ledger's peak"],
  ["device", "device, resident"],
  ["scratch", "threads' scratch"],
  ["left", "padding, holes"],
  ["before", "Deno before"],
  ["host", "Deno's growth"],
  ["process", "process"],
] as const;

function residentTable(rows: readonly ResidentRow[]): DataTable {
  return {
    id: "resident",
    title: "Bytes of two steps in a fresh process each: predicted, counted, resident",
    columns: [
      { key: "label", label: "trained", unit: "text" },
      ...columns.map(([key, label]) => ({ key, label, unit: "bytes" as const })),
    ],
    rows: rows.map((row) => ({
      label: label(row.trained),
      predicted: row.predicted,
      peak: row.peak,
      device: row.device,
      scratch: row.scratch,
      left: besidePeak(row).found - row.scratch,
      before: row.before,
      host: row.process - row.before - row.device,
      process: row.process,
    })),
  };
}

const explanation =
  "The device's memory is one mapping: the ledger's peak lies in it whole, because every byte of it was " +
  "written. Beside it lie 1 MiB of scratch for each thread, the padding, and holes: places that the " +
  "backward pass freed and could not fill again; a negative hole is scratch that was never touched. The " +
  "rest of the process is Deno: what it was before, and what grew with the work, such as host copies of " +
  "the first weights and compiled code.";

/** Closed formula, ledger and resident memory, a process a row. Linux tells what is resident. */
export const resident: Experiment = {
  name: "resident",
  title: "Predicted, counted, and seen by the system",
  question: "Are the bytes that we predict those that the operating system gives?",
  source: "ours; the paper counts on paper alone",
  async run(context) {
    const settings = `GPT-2s of three blocks on the cpu device with two threads. ${explanation}`;
    if (Deno.build.os !== "linux") {
      const skipped =
        "Resident memory by mapping is read from Linux's /proc; this is another system.";
      return { settings: skipped, findings: [], tables: [], figures: [] };
    }
    // Here, so that nothing else waits for mathjs.
    const { measureResident } = await import("./measure.ts");
    const rows: ResidentRow[] = [];
    for (const trained of context.quick ? cases.slice(0, 1) : cases) {
      context.signal.throwIfAborted();
      rows.push(await measureResident(trained));
      context.report(rows.length / cases.length, label(trained));
    }
    return {
      settings,
      findings: [finding(rows)],
      tables: [residentTable(rows)],
      figures: [],
    };
  },
};
