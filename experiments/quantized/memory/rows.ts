/** Bytes of full fine-tuning, LoRA and QLoRA: measured, predicted, and by closed formulas. @module */

import { architectureOf, countParameters } from "../../../src/architectures/mod.ts";
import type { Device } from "../../../src/device/device.ts";
import { watchLedger } from "../../../src/runs/folder.ts";
import type { ExperimentContext } from "../../frame/mod.ts";
import { largeModels, runningModels } from "../shapes.ts";
import {
  openStep,
  predictStep,
  type StepBytes,
  type StepMethod,
  stepMethods,
  type StepShape,
} from "../steps.ts";

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
export const largeRank = 64;

/** Measures what is small, predicts and computes the rest. */
export async function memoryRows(context: ExperimentContext): Promise<MemoryRows> {
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
  const { trainingBytes } = await import("../../../src/accounting/mod.ts");
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
