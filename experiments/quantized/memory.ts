/** Memory that QLoRA saves: the bytes of a step, and of models that do not fit here; decision 0033 has the reasons of the rules. @module */

import { architectureOf, countParameters } from "../../src/architectures/mod.ts";
import { fromTo } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { roleBars, usedRoles } from "../../src/figures/marks.ts";
import {
  type Column,
  type DataTable,
  type Figure,
  formatBytes,
  table,
} from "../../src/figures/mod.ts";
import { watchLedger } from "../../src/runs/folder.ts";
import { type Claim, type Experiment, experiment, type ExperimentContext } from "../frame/mod.ts";
import {
  largeModels,
  openStep,
  predictStep,
  runningModels,
  type StepBytes,
  type StepMethod,
  stepMethods,
  stepRank,
  type StepShape,
} from "./training_steps.ts";

/** A step of one method. */
export interface StepRow {
  /** The model. */
  readonly model: string;
  /** The batch: `4 x 64`. */
  readonly batch: string;
  /** The method. */
  readonly method: StepMethod;
  /** Bytes by `predictMemory`. */
  readonly predicted: StepBytes;
  /** Bytes measured on the job's device; undefined where that would take too long. */
  readonly measured: StepBytes | undefined;
}

/** Bytes of one large model that do not depend on the batch. */
export interface LargeRow {
  /** The model. */
  readonly model: string;
  /** Its parameters. */
  readonly parameters: number;
  /** The method. */
  readonly label: string;
  /** Bytes by the ledger's roles. */
  readonly byRole: Readonly<Record<string, number>>;
  /** Bytes of all roles. */
  readonly total: number;
  /** Bits of each value of a linear layer, scales included; undefined where none is in 4 bits. */
  readonly bits: number | undefined;
}

/** Everything that is counted. */
export interface MemoryRows {
  /** Steps of models that run here. */
  readonly steps: readonly StepRow[];
  /** Models of 7B to 175B. */
  readonly large: readonly LargeRow[];
}

/** Names of the methods on large models. */
export const labels = {
  full: "full, 16 bits",
  lora: "LoRA, 16 bits",
  single: "QLoRA, NF4",
  qlora: "QLoRA, double",
  eightBit: "and 8-bit Adam",
} as const;

/** Rank of LoRA on every linear layer, as in the paper (Dettmers et al. 2023, appendix B.2). */
const largeRank = 64;

/** Measures what is small, predicts and computes the rest. */
async function memoryRows(context: ExperimentContext): Promise<MemoryRows> {
  const shapes = await runningModels(), steps: StepRow[] = [];
  const total = shapes.length * stepMethods.length;
  for (const [i, shape] of shapes.entries()) {
    const isMeasured = i === 0 || context.full && !context.quick && shape.model === "gpt2";
    for (const method of stepMethods) {
      context.signal.throwIfAborted();
      context.report(steps.length / total, `${shape.model}, ${method.label}`);
      steps.push(await stepRow(shape, method, isMeasured ? context.device : undefined));
    }
  }
  return { steps, large: await largeRows() };
}

async function stepRow(
  shape: StepShape,
  method: StepMethod,
  device: Device | undefined,
): Promise<StepRow> {
  return {
    model: shape.model,
    batch: `${shape.batch} x ${shape.length}`,
    method,
    predicted: predictStep(shape, method),
    measured: device && await measureStep(device, shape, method),
  };
}

/** The bytes of one step of AdamW on a device. */
export async function measureStep(
  device: Device,
  shape: StepShape,
  method: StepMethod,
): Promise<StepBytes> {
  const read = watchLedger(device);
  using opened = openStep(device, shape, method);
  opened.step();
  const bytes = read();
  await opened.finished();
  return bytes;
}

/** The five methods on each of the large models, by the closed formulas. */
export async function largeRows(): Promise<LargeRow[]> {
  // Here, so that nothing else waits for mathjs.
  const { trainingBytes } = await import("../../src/accounting/mod.ts");
  const lora = { rank: largeRank, targetModules: "all-linear" };
  return Object.entries(largeModels).flatMap(([model, config]) => {
    const architecture = architectureOf(config), { tensors, linears } = architecture;
    const parameters = countParameters(tensors);
    const inLinears = linears.filter(({ kind }) => kind === "linear")
      .reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
    const methods: [label: string, byRole: Readonly<Record<string, number>>][] = [
      [labels.full, fullBytes(parameters)],
      [labels.lora, { ...trainingBytes(architecture, "mixed", lora) }],
      [labels.single, { ...trainingBytes(architecture, "nf4", lora) }],
      [labels.qlora, { ...trainingBytes(architecture, "nf4-double", lora) }],
      [labels.eightBit, { ...trainingBytes(architecture, "nf4-double", lora, "adamw8bit") }],
    ];
    return methods.map(([label, byRole]): LargeRow => ({
      ...{ model, parameters, label, byRole },
      total: Object.values(byRole).reduce((sum, bytes) => sum + bytes, 0),
      bits: byRole.quantized > 0 ? 8 * byRole.quantized / inLinears : undefined,
    }));
  });
}

/** Two bytes a weight and a gradient, Adam's moments in F32: what gives the paper's 780 GB. */
const fullBytes = (parameters: number): Readonly<Record<string, number>> => ({
  weight: 2 * parameters,
  gradient: 2 * parameters,
  optimizer: 8 * parameters,
});

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

/** Bytes at the peak of a step, by role. */
const stepTable = ({ steps }: MemoryRows): DataTable => {
  const bars = steps.map(({ method, predicted }) => {
    return { label: method.label, byRole: predicted.peakByRole };
  });
  return table<StepRow>({
    id: "quantized-steps",
    title: "Bytes at the peak of a step, predicted by role, and measured",
    columns: [
      ["model", "model", "text"],
      ["batch", "batch", "text"],
      ["method", "method", "text", ({ method }) => method.label],
      ...usedRoles(bars).map((role): Column<StepRow> => {
        const key = role as keyof StepRow["predicted"]["peakByRole"];
        return [role, role, "bytes", ({ predicted }) => predicted.peakByRole[key]];
      }),
      ["predicted", "predicted", "bytes", ({ predicted }) => predicted.peak],
      ["measured", "measured", "bytes", ({ measured }) => measured?.peak],
    ],
    rows: steps,
  });
};

/** Bytes of the large models, without activations. */
const largeTable = ({ large }: MemoryRows): DataTable =>
  table<LargeRow>({
    id: "quantized-large",
    title: "7B to 175B: bytes that do not depend on the batch, by the closed formulas",
    columns: [
      ["model", "model", "text"],
      ["parameters", "parameters", "count"],
      ["label", "method", "text"],
      ...usedRoles(large).map((role): Column<LargeRow> => {
        return [role, role, "bytes", ({ byRole }) => byRole[role] || undefined];
      }),
      ["total", "total", "bytes"],
      ["bits", "bits a value of linear layers", "number"],
    ],
    rows: large,
  });

/** The bars of one model that runs. */
const stepFigures = ({ steps }: MemoryRows): Figure[] =>
  [...Map.groupBy(steps, ({ model }) => model)].map(([model, own]) => ({
    id: `quantized-steps-${model.toLowerCase()}`,
    title: `${model}: bytes by role at the peak of a step`,
    caption:
      `A batch of ${
        own[0].batch
      } tokens, LoRA of rank 8 on every linear layer, counted on the dry ` +
      "device, activations included.",
    ...roleBars(
      own.map(({ method, predicted }) => ({ label: method.label, byRole: predicted.peakByRole })),
      340,
    ),
  }));

/** LLaMA 65B, the model of the paper's headline. */
const largeFigure = ({ large }: MemoryRows): Figure => ({
  id: "quantized-large",
  title: "LLaMA 65B: bytes that do not depend on the batch",
  caption:
    "By the closed formulas; adapters of rank 64 on every linear layer. Activations are left out.",
  ...roleBars(large.filter(({ model }) => model === "LLaMA 65B"), 340),
});

/** QLoRA's base and state over the models. */
const sizesFigure = ({ large }: MemoryRows): Figure => ({
  id: "quantized-sizes",
  title: "QLoRA from 7B to 175B: bytes that do not depend on the batch",
  caption: "NF4 with double quantization, adapters of rank 64 on every linear layer in F32, AdamW.",
  ...roleBars(
    large.filter(({ label }) => label === labels.qlora).map(({ model, byRole }) => {
      return { label: model, byRole };
    }),
    340,
  ),
});

/** Full fine-tuning, LoRA and QLoRA in bytes. */
export const quantizedMemory: Experiment = experiment({
  name: "quantized-memory",
  title: "The memory of full fine-tuning, LoRA and QLoRA",
  question:
    "How many bytes does a training step take with a base in F32, in 16 bits and in 4, and which of them " +
    "are weights, adapters, gradients, moments, activations and scratch?",
  source: "Dettmers et al. 2023, QLoRA: sections 1 to 3; not in the paper",
  beyond: true,
  rows: (_, context) => memoryRows(context),
  settings:
    `Steps: AdamW in F32, LoRA of rank ${stepRank} on every linear layer; in NF4 are the linear layers, in ` +
    "blocks of 64, “double” with double quantization; in BF16 also embeddings and head. Predicted by running the training code on the " +
    "device that counts bytes and computes nothing, and measured on the job's device where that is quick. " +
    `7B to 175B: closed formulas, LoRA of rank ${largeRank} on every linear layer with A, B, gradients and moments ` +
    "in F32, all that is not a linear layer in 16 bits; GB are 10⁹ bytes.",
  claims: memoryClaims,
  tables: [stepTable, largeTable],
  figures: [stepFigures, largeFigure, sizesFigure],
});
