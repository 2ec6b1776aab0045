/** Claims of `quantized-memory` on its rows; decision 0033 has the reasons of the rules. @module */

import { fromTo } from "../../../src/core/numbers.ts";
import { formatBytes } from "../../../src/figures/mod.ts";
import type { Claim } from "../../frame/mod.ts";
import { labels, type LargeRow, type MemoryRows, type StepRow } from "./rows.ts";

const gigabyte = 1e9;

const gigabytes = (bytes: number): string => `${(bytes / gigabyte).toFixed(1)} GB`;

/** The paper's sizes, and its bits of a value. */
const printed = { full: 780, qlora: 48, single: 4.5, double: 4.127, saved: 3, base: 5048 };

const rowOf = ({ large }: MemoryRows, model: string, label: string): LargeRow =>
  large.find((row) => row.model === model && row.label === label)!;

/** Full fine-tuning and QLoRA of 65B. */
const pairOf = (rows: MemoryRows): readonly [full: LargeRow, qlora: LargeRow] => [
  rowOf(rows, "LLaMA 65B", labels.full),
  rowOf(rows, "LLaMA 65B", labels.qlora),
];

/** Bytes of a base: what is in 4 bits, and the rest. */
const baseBytes = ({ byRole }: LargeRow): number => byRole.weight + byRole.quantized;

/** The linear layers of 65B without double quantization, and with it. */
const scalesOf = (rows: MemoryRows): readonly [single: LargeRow, double: LargeRow] => [
  rowOf(rows, "LLaMA 65B", labels.single),
  rowOf(rows, "LLaMA 65B", labels.qlora),
];

const savedBytes = ([single, double]: readonly [LargeRow, LargeRow]): number =>
  single.byRole.quantized - double.byRole.quantized;

const measuredIn = ({ steps }: MemoryRows): StepRow[] =>
  steps.filter(({ measured }) => measured !== undefined);

const isPredicted = ({ measured, predicted }: StepRow): boolean =>
  Object.entries(predicted.peakByRole)
    .every(([role, bytes]) =>
      measured!.peakByRole[role as keyof typeof predicted.peakByRole] === bytes
    );

/** The peaks of one model: QLoRA with double quantization, and the others without NF4. */
const peaksOf = (steps: readonly StepRow[]) => {
  const peak = (base: string, isLora: boolean) =>
    steps.find(({ method }) => method.base === base && method.isLora === isLora)!.predicted.peak;
  return {
    qlora: peak("NF4, double", true),
    others: [peak("F32", false), peak("F32", true), peak("BF16", true)],
  };
};

const byModel = ({ steps }: MemoryRows) => [...Map.groupBy(steps, ({ model }) => model)];

/** Ratios of a model's other peaks to QLoRA's, in words. */
const times = (steps: readonly StepRow[]): string => {
  const { qlora, others } = peaksOf(steps);
  return others.map((peak) => (peak / qlora).toFixed(2)).join(", ");
};

const stepClaims: readonly Claim<MemoryRows>[] = [{
  text: "The bytes of a step on a base in 4 bits are those that were predicted",
  rule: "when for every step that was measured the ledger's peak is the dry device's in every " +
    "role, to the byte",
  ours: (rows) =>
    `equal in ${measuredIn(rows).filter(isPredicted).length} of ${measuredIn(rows).length} steps`,
  holds: (rows) => measuredIn(rows).length > 0 && measuredIn(rows).every(isPredicted),
}, {
  text: "A step of QLoRA takes the least memory",
  rule:
    "when for every model that runs here QLoRA's predicted peak is below those of full fine-tuning and " +
    "of LoRA on the base in F32 and in BF16, activations included",
  ours: (rows) =>
    byModel(rows).map(([model, steps]) => `${model}: ${times(steps)} times`).join("; "),
  holds: (rows) =>
    byModel(rows).every(([, steps]) => {
      const { qlora, others } = peaksOf(steps);
      return others.every((peak) => qlora < peak);
    }),
  found: () =>
    "Full fine-tuning, LoRA on F32 and LoRA on BF16 by QLoRA. Its embeddings stay in F32, where BF16 " +
    "halves them, and a matrix at a time is in F32 while it is multiplied.",
}];

/** The five of decision 0033. */
export const memoryClaims: readonly Claim<MemoryRows>[] = [...stepClaims, {
  text: "QLoRA brings 65B from over 780 GB to under 48 GB",
  rule:
    "when of LLaMA 65B two bytes a weight and a gradient and Adam's moments in F32 are more than " +
    `${printed.full} GB, and base, adapters of rank 64, gradients and moments of QLoRA, the latter three in ` +
    `F32, less than ${printed.qlora}; activations left out`,
  quote:
    "“QLoRA reduces the average memory requirements of finetuning a 65B parameter model from >780GB of " +
    "GPU memory to <48GB” (Dettmers et al. 2023, section 1)",
  ours: (rows) => pairOf(rows).map(({ total }) => gigabytes(total)).join(" to "),
  holds: (rows) => {
    const [full, qlora] = pairOf(rows);
    return full.total > printed.full * gigabyte && qlora.total < printed.qlora * gigabyte;
  },
  found: (rows) => {
    const [, qlora] = pairOf(rows);
    return `The base takes ${gigabytes(baseBytes(qlora))}, adapters with gradients and moments ${
      gigabytes(qlora.total - baseBytes(qlora))
    }: of 48 GB, ${
      gigabytes(printed.qlora * gigabyte - qlora.total)
    } are left for activations. Hence ` +
      "adapters in 16 bits, checkpointing and a paged optimizer.";
  },
}, {
  text: "Double quantization takes 0.373 bits off a value, 3 GB off 65B",
  rule:
    `when the linear layers of LLaMA 65B take ${
      printed.single.toFixed(3)
    } bits a value without it and ` +
    `${printed.double} with it, to three decimals, and the difference rounds to ${printed.saved} GB`,
  quote:
    "“from 32/64 = 0.5 bits, to 8/64 + 32/(64 · 256) = 0.127 bits, a reduction of 0.373 bits per " +
    "parameter” (Dettmers et al. 2023, section 3); “approximately 3 GB for a 65B model” (section 1)",
  ours: (rows) => {
    const pair = scalesOf(rows), bits = pair.map(({ bits }) => bits!.toFixed(3));
    return `${bits.join(" to ")} bits, ${(savedBytes(pair) / gigabyte).toFixed(2)} GB`;
  },
  holds: (rows) => {
    const pair = scalesOf(rows), [single, double] = pair.map(({ bits }) => bits!.toFixed(3));
    return single === printed.single.toFixed(3) && double === printed.double.toFixed(3) &&
      Math.round(savedBytes(pair) / gigabyte) === printed.saved;
  },
  found: ({ large }) =>
    `Over all models ${
      fromTo(large.flatMap(({ label, bits }) => label === labels.qlora ? bits! : []), 4)
    } bits.`,
}, {
  text: "A 7B base in 4 bits takes 5,048 MB",
  rule:
    "when the base of LLaMA 7B, linear layers in NF4 with double quantization and all else in 16 bits, " +
    "rounds to 5,048 in units of 10⁶ or 2²⁰ bytes",
  quote: "“the 4-bit base model consumes 5,048 MB of memory” (Dettmers et al. 2023, section 2)",
  why: "A guess: the paper's number was measured, and has other buffers besides, or more in F32. " +
    "It gives no breakdown.",
  ours: (rows) => formatBytes(baseBytes(rowOf(rows, "LLaMA 7B", labels.qlora))),
  holds: (rows) => {
    const bytes = baseBytes(rowOf(rows, "LLaMA 7B", labels.qlora));
    return [1e6, 2 ** 20].some((unit) => Math.round(bytes / unit) === printed.base);
  },
  found: (rows) => {
    const { weight, quantized } = rowOf(rows, "LLaMA 7B", labels.qlora).byRole;
    return `${formatBytes(quantized)} in NF4, ${
      formatBytes(weight)
    } in 16 bits; with those in F32 ${formatBytes(quantized + 2 * weight)}.`;
  },
}];
