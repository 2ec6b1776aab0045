/** Bytes of a training step: run where this toolkit runs it, by formula beyond. @module */

import type { Precision } from "../accounting/mod.ts";
import type { OptimizerName } from "../accounting/optimizers.ts";
import {
  type Architecture,
  architectureOf,
  type ConfigJson,
  type SiteSelection,
} from "../architectures/mod.ts";
import type { BytesByRole } from "../device/mod.ts";
import { applyMethod, type MethodSpec, predictMemory } from "../runs/mod.ts";

/** How numbers are held, by the name of the option. */
export const precisions = {
  f32: "fp32",
  mixed: "mixed",
  nf4: "nf4",
  "nf4-double": "nf4-double",
} as const satisfies Record<string, Precision>;

/** What is asked for. */
export interface ForecastOptions {
  readonly batch: number;
  readonly length: number;
  readonly seed: number;
  readonly optimizer: OptimizerName;
  readonly dtype: keyof typeof precisions;
}

/** What comes out, in bytes. */
export interface Forecast {
  /** Values of the base, and those that are trained. */
  readonly parameters: number;
  readonly trained: number;
  /** At the peak of a step, and what stays between steps. */
  readonly peak: BytesByRole;
  readonly live: BytesByRole;
  /** The peak by closed formulas; undefined where there are none. */
  readonly byFormula: Partial<BytesByRole> | undefined;
}

/** Runs the step in F32 with AdamW on the dry device, and restates what was asked for otherwise. */
export async function forecast(
  config: ConfigJson,
  options: ForecastOptions,
  method: MethodSpec,
): Promise<Forecast> {
  const { gpt2StepBytes } = await import("../accounting/mod.ts");
  // First, so that a model beyond all measure is refused before it is run.
  const architecture = architectureOf(config);
  const { batch, length, seed } = options;
  const adapt = (model: Parameters<typeof applyMethod>[0]) => void applyMethod(model, method, seed);
  const { byRole, peakByRole } = predictMemory(config, { batch, length, adapt });
  const restate = await restatement(architecture, options, method);
  const formula = gpt2StepBytes(config, { batch, length, lora: loraOf(method) });
  return {
    parameters: byRole.weight / 4,
    trained: byRole.gradient / 4,
    peak: restate(peakByRole),
    live: restate(byRole),
    byFormula: formula && restate(formula),
  };
}

/** What turns bytes of F32 with AdamW into those of another type and optimizer. */
async function restatement(
  architecture: Architecture,
  { optimizer, dtype }: ForecastOptions,
  method: MethodSpec,
) {
  const { trainingBytes } = await import("../accounting/mod.ts");
  if (dtype === "f32" && optimizer === "adamw") return <T extends object>(bytes: T): T => bytes;
  const state = trainingBytes(architecture, precisions[dtype], loraOf(method), optimizer);
  const share = dtype === "f32" ? 1 : 1 / 2;
  return <T extends { readonly activation: number }>(bytes: T): T => {
    return { ...bytes, ...state, activation: bytes.activation * share };
  };
}

function loraOf(method: MethodSpec): SiteSelection & { rank: number } | undefined {
  if (method.kind === "full") return undefined;
  const { rank, sites, targetModules } = method;
  return { rank, sites, targetModules };
}
