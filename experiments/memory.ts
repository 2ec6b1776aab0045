/** "3 times less memory": the bytes of a training step of GPT-3 175B, from the dry device. @module */

import { injectLora } from "../src/adapt/mod.ts";
import { gpt2ConfigJson } from "../src/architectures/families/gpt2.ts";
import { grouped } from "../src/core/numbers.ts";
import type { LedgerReading } from "../src/device/ledger.ts";
import { type Column, formatBytes, table } from "../src/figures/mod.ts";
import { type RoleBar, roleBars, usedRoles } from "../src/figures/marks.ts";
import { measured } from "../src/paper/printed/mod.ts";
import { predictMemory } from "../src/runs/mod.ts";
import said from "../src/paper/printed/claims.json" with { type: "json" };
import { type Experiment, experiment } from "./frame/mod.ts";
import { gpt3, printed } from "./gpt3.ts";

type MemoryRow = ReturnType<typeof memoryRow>;

/** Tokens of the sequence: GPT-3's full length. */
const length = 2048, tokens = grouped(length);

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

function memoryRow(label: string, rank: number, printedAs: string) {
  const { peak, peakByRole: byRole } = gpt3Memory(rank);
  const printed = measured("text", `section 4.2: memory of training, ${printedAs}`);
  return { label, byRole, peak, printed };
}

/** Bytes that do not depend on the batch: weights, gradients, moments. */
function stateBytes({ byRole }: MemoryRow): number {
  return byRole.weight + byRole.adapter + byRole.gradient + byRole.optimizer;
}

const barLabels = ["full fine-tuning", "LoRA, r = 4"];

const times = (ratio: number) => `${ratio.toFixed(2)} times`;

/** The bytes of a training step of GPT-3 175B, full and with LoRA. */
export const memory: Experiment = experiment({
  name: "memory",
  title: "3 times less memory",
  question:
    "How many bytes does a training step of GPT-3 175B take, and which of them does LoRA save?",
  source: "Hu et al. 2021, abstract and section 4.2",
  settings:
    "One step of AdamW in F32 on one sequence, run by the training code itself on a device " +
    "that counts bytes and computes nothing (the dry device). Activations are those that the backward pass still has to " +
    "read: of a frozen layer not its input, as in PyTorch, and of a norm not its result, which is computed once more.",
  rows: () => [
    memoryRow("full fine-tuning, AdamW", 0, "all weights"),
    memoryRow("LoRA, r = 4 on q and v", 4, "LoRA"),
  ],
  claims: [{
    text: "Training GPT-3 175B with LoRA takes 3 times less memory than full fine-tuning with Adam",
    rule: `when the peak of a step in F32 on one sequence of ${tokens} tokens, activations ` +
      "included, falls by a factor of 3 or more",
    exact: true,
    ...said.memory,
    headline: {
      place: 2,
      row: "3 times less memory to train GPT-3",
      bars: (rows) =>
        rows.map(({ peak }, i) => {
          return { label: barLabels[i], value: peak, text: formatBytes(peak) };
        }),
    },
    paper: "the paper's own 1.2 TB and 350 GB pass it, 3.4 times (section 4.2)",
    holds: ([full, lora]) => full.peak / lora.peak >= printed.memoryReduction,
    ours: ([full, lora]) => times(full.peak / lora.peak),
    found: ([full, lora]) =>
      `Without activations it is ${times(stateBytes(full) / stateBytes(lora))}. In F32 ` +
      "a trained parameter costs 16 bytes and a frozen one 4. The paper " +
      `gives ${full.printed} and ${lora.printed} without a breakdown, a data type or a batch size; ` +
      "the latter is what the weights alone take at two bytes each.",
  }],
  tables: [(rows) =>
    table({
      id: "gpt3-memory",
      title: `GPT-3 175B: bytes at the peak of a step, one sequence of ${tokens} tokens, F32`,
      columns: [
        ["method", "method", "text", ({ label }) => label],
        ...usedRoles(rows).map((role): Column<MemoryRow> => {
          return [role, role, "bytes", ({ byRole }: RoleBar) => byRole[role]];
        }),
        ["peak", "total", "bytes"],
        ["printed", "paper", "text"],
      ],
      rows,
    })],
  figures: [(rows) => ({
    id: "gpt3-memory",
    title: "GPT-3 175B: bytes by role at the peak of a step",
    caption: `One sequence of ${tokens} tokens in F32, counted on the dry device.`,
    ...roleBars(rows, 300),
  })],
});
