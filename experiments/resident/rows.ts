/** Resident memory of fresh processes beside what was predicted for them. @module */

import { fileURLToPath } from "node:url";
import { evaluateFormula, gpt2StepBytes } from "../../src/accounting/mod.ts";
import { configOf, type Reading, type ResidentCase } from "./process.ts";

/** One process. */
export interface ResidentRow extends Reading {
  readonly trained: ResidentCase;
  readonly predicted: number; // the peak by closed formulas
  /** What the backward pass holds at its peak: only there are places freed before the step's end. */
  readonly holes: number;
}

/**
 * Trains in a process of its own and reads what Linux says of it.
 *
 * @throws {Error} when the process fails; the message is what it said.
 */
export async function measureResident(trained: ResidentCase): Promise<ResidentRow> {
  const program = new URL("./process.ts", import.meta.url);
  const path = program.protocol === "file:" ? fileURLToPath(program) : program.href;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, JSON.stringify(trained)],
  }).output();
  const [text, problem] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`training in a process of its own failed: ${problem.trim()}`);
  return { ...JSON.parse(text) as Reading, trained, ...predictionOf(trained) };
}

function predictionOf(trained: ResidentCase): Pick<ResidentRow, "predicted" | "holes"> {
  const { width: d, rank, batch: b, length: s } = trained, config = configOf(trained);
  const lora = rank === 0 ? undefined : { rank, sites: "all" as const };
  const bytes = gpt2StepBytes(config, { batch: b, length: s, lora })!;
  const { n_layer: L, n_head: a, vocab_size: n_voc } = config;
  const forward = evaluateFormula("stepForwardBytes", { b, s, d, d_ff: 4 * d, L, a, n_voc });
  const predicted = Object.values(bytes).reduce((sum, some) => sum + some, 0);
  return { predicted, holes: bytes.activation - Number(forward) };
}
