import { assert } from "@std/assert";
import { evaluate, gpt2StepBytes } from "../../src/accounting/mod.ts";
import { rootPath } from "../support/source_files.ts";

interface Reading {
  /** Resident bytes of the whole process, and how many came since the device was opened. */
  process: number;
  growth: number;
  /** Resident bytes of the device's memory. */
  device: number;
  /** The ledger's, and the bytes between tensors that only align them. */
  peak: number;
  padding: number;
  /** Scratch of the device's threads, which no ledger counts. */
  program: number;
  shape: Record<string, number>;
  rows: number;
  length: number;
}

async function measure(width: number, rank: number): Promise<Reading> {
  const program = "tests/accounting/resident_program.ts";
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, String(width), String(rank)],
    cwd: rootPath,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text.startsWith("{"), new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

/** What the backward pass holds at its peak: only there are places freed before the step's end. */
function backwardBytes({ shape, rows, length }: Reading, rank: number): number {
  const { n_embd: d, n_layer: L, n_head: a, vocab_size: n_voc } = shape;
  const lora = rank === 0 ? undefined : { rank, sites: "all" as const };
  const config = { ...shape, model_type: "gpt2" };
  const { activation } = gpt2StepBytes(config, { batch: rows, length, lora })!;
  const b = rows, s = length, forward = { b, s, d, d_ff: 4 * d, L, a, n_voc };
  return activation - Number(evaluate("stepForwardBytes", forward));
}

/**
 * The system sees the peak in the device's memory, whole, because every byte of it was written. Beside it
 * lie the threads' scratch, the padding, and holes that the backward pass could not fill again. The rest
 * of the process is Deno: its program, V8's heap, host copies of the first weights.
 */
for (const [width, rank] of [[256, 0], [512, 0], [512, 8]]) {
  Deno.test({
    name: `resident: width ${width}, rank ${rank}: the system sees the ledger's peak`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const reading = await measure(width, rank);
      const { process, growth, device, peak, padding, program } = reading;
      const beside = device - peak, most = program + padding + backwardBytes(reading, rank);
      assert(beside >= 0, `the ledger has ${peak} bytes, ${device} are resident`);
      assert(beside <= most, `${beside} bytes beside the peak, ${most} explained`);
      assert(growth >= peak && process > growth, `${peak} of ${growth} of ${process} bytes`);
    },
  });
}
