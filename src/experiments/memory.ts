/** "3 times less memory": the bytes of a training step of GPT-3 175B, from the dry device. @module */

import { gpt2ConfigJson } from "../architectures/gpt2.ts";
import { injectLora } from "../adapt/mod.ts";
import type { LedgerReading } from "../device/ledger.ts";
import type { DataTable, Figure } from "../figures/figure.ts";
import { measured } from "../paper/printed/mod.ts";
import { predictMemory } from "../runs/mod.ts";
import type { Experiment, Finding } from "./experiment.ts";
import { gpt3, printed } from "./gpt3.ts";
import { type RoleBar, roleBars, usedRoles } from "./role_bars.ts";

interface MemoryRow {
  readonly method: string;
  readonly reading: LedgerReading;
  /** Printed in section 4.2, quoted. */
  readonly printed: string;
}

const printedBytes = (method: string): string =>
  measured("text", `section 4.2: memory of training, ${method}`);

/** Tokens of the sequence: GPT-3's full length. */
const length = 2048, tokens = length.toLocaleString("en-US");

/** Bytes of one step of GPT-3 175B on one sequence, in F32 with AdamW; rank 0 is full fine-tuning. */
export function gpt3Memory(rank: number): LedgerReading {
  return predictMemory(gpt2ConfigJson(gpt3), {
    batch: 1,
    length,
    adapt: rank === 0 ? undefined : (model) => {
      injectLora(model, { rank, sites: ["q", "v"], seed: 0 });
    },
  });
}

function memoryRows(): MemoryRow[] {
  return [
    {
      method: "full fine-tuning, AdamW",
      reading: gpt3Memory(0),
      printed: printedBytes("all weights"),
    },
    { method: "LoRA, r = 4 on q and v", reading: gpt3Memory(4), printed: printedBytes("LoRA") },
  ];
}

/** Bytes that do not depend on the batch: weights, gradients, moments. */
function stateBytes({ peakByRole }: LedgerReading): number {
  return peakByRole.weight + peakByRole.adapter + peakByRole.gradient + peakByRole.optimizer;
}

function findings([full, lora]: readonly MemoryRow[]): Finding[] {
  const times = (ratio: number) => `${ratio.toFixed(2)} times`;
  const ratio = full.reading.peak / lora.reading.peak;
  const state = stateBytes(full.reading) / stateBytes(lora.reading);
  return [{
    claim: "LoRA trains GPT-3 175B in 3 times less memory than full fine-tuning with Adam",
    rule: `held when the peak of a step in F32 on one sequence of ${tokens} tokens, activations ` +
      "included, falls by a factor of 3 or more",
    found:
      `${times(ratio)} at the peak, ${times(state)} without activations. In F32 a trained value ` +
      `costs 16 bytes and a frozen one 4; the paper's ${full.printed} and ${lora.printed} come without ` +
      "a breakdown, a type or a batch, and the latter is what the weights alone take in two bytes a value.",
    verdict: ratio >= printed.memoryReduction ? "held" : "differs from the paper",
  }];
}

function barsOf(rows: readonly MemoryRow[]): RoleBar[] {
  return rows.map(({ method, reading }) => ({ label: method, byRole: reading.peakByRole }));
}

function memoryTable(rows: readonly MemoryRow[]): DataTable {
  const used = usedRoles(barsOf(rows));
  return {
    id: "gpt3-memory",
    title: `GPT-3 175B: bytes at the peak of a step, one sequence of ${tokens} tokens, F32`,
    columns: [
      { key: "method", label: "method", unit: "text" },
      ...used.map((role) => ({ key: role, label: role, unit: "bytes" as const })),
      { key: "peak", label: "all", unit: "bytes" },
      { key: "printed", label: "paper", unit: "text" },
    ],
    rows: rows.map(({ method, reading, printed }) => ({
      method,
      printed,
      peak: reading.peak,
      ...reading.peakByRole,
    })),
  };
}

function memoryFigure(rows: readonly MemoryRow[]): Figure {
  return {
    id: "gpt3-memory",
    title: "GPT-3 175B: bytes by role at the peak of a step",
    caption:
      `One sequence of ${tokens} tokens in F32, by running the training step on the dry device, ` +
      "which keeps the books and allocates nothing.",
    ...roleBars(barsOf(rows), "GB", 300),
  };
}

/** The bytes of a training step of GPT-3 175B, full and with LoRA. */
export const memory: Experiment = {
  name: "memory",
  title: "3 times less memory",
  question:
    "How many bytes does a training step of GPT-3 175B take, and which of them does LoRA save?",
  source: "Hu et al. 2021, abstract and section 4.2",
  run(context) {
    const rows = memoryRows();
    context.report(1, "ran a step of GPT-3 175B on the dry device");
    return Promise.resolve({
      settings:
        "One step of AdamW in F32 on one sequence, run by the training code itself on a device " +
        "that counts bytes and computes nothing.",
      findings: findings(rows),
      tables: [memoryTable(rows)],
      figures: [memoryFigure(rows)],
    });
  },
};
