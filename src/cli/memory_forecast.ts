/** Bytes of a training step: run on the dry device, then converted by formula if needed. @module */

import type { Precision } from "../accounting/mod.ts";
import type { OptimizerName } from "../accounting/optimizers.ts";
import {
  type Architecture,
  architectureOf,
  type ConfigJson,
  type SiteSelection,
} from "../architectures/mod.ts";
import { countParameters } from "../architectures/architecture.ts";
import type { FloatDtype } from "../formats/mod.ts";
import { type FourBitCode, quantizationOf } from "../models/mod.ts";
import { floatTypeOf } from "../models/quantized_weights.ts";
import { type BaseDtypeOption, baseTypeOf, type CheckpointingOption } from "./arguments.ts";
import type { BytesByRole } from "../device/mod.ts";
import {
  allocateMethod,
  type MethodSpec,
  type PredictionOptions,
  predictMemory,
} from "../runs/mod.ts";
import { trainingOptimizers } from "../train/mod.ts";

/** How values are stored, by the option's value. */
export const precisions = {
  f32: "fp32",
  mixed: "mixed",
  nf4: "nf4",
  "nf4-double": "nf4-double",
} as const satisfies Record<string, Precision>;

/** The step whose bytes are wanted. */
export interface ForecastOptions extends BaseDtypeOption, CheckpointingOption {
  readonly batch: number;
  readonly length: number;
  /** Tokens of a step that have a label. Default: all. */
  readonly labeled?: number;
  readonly seed: number;
  readonly optimizer: OptimizerName;
  readonly dtype: keyof typeof precisions;
  /** How the model's files have weights in 4 bits, where they are there. */
  readonly quantized?: PredictionOptions["quantized"];
}

/** Its size, in bytes. */
export interface Forecast {
  /** Number of values in the base model, and of those that are trained. */
  readonly parameters: number;
  readonly trained: number;
  /** Bytes at the peak of a step, and bytes that remain between steps. */
  readonly peak: BytesByRole;
  readonly live: BytesByRole;
  /** The peak by closed formulas; undefined if no formula covers the method. */
  readonly byFormula: Partial<BytesByRole> | undefined;
}

/** Runs the step in F32 on the dry device, and converts it to an optimizer or a type that it cannot have. */
export async function forecast(
  config: ConfigJson,
  options: ForecastOptions,
  method: MethodSpec,
): Promise<Forecast> {
  const { gpt2StepBytes } = await import("../accounting/mod.ts");
  // First, so that an absurdly large model is refused before it is run.
  const architecture = architectureOf(config);
  const { batch, length, labeled, seed, activationCheckpointing, quantized } = options;
  const stored = storedAs(config, options);
  assertFits(stored, options, method);
  const adapt = (model: Parameters<typeof allocateMethod>[0]) =>
    void allocateMethod(model, method, seed);
  const optimizer = ranWith(options), step = { batch, length, labeled, optimizer };
  const dtype = baseTypeOf(options);
  const prediction = { ...step, dtype, activationCheckpointing, quantized, adapt };
  const { byRole, peakByRole } = predictMemory(config, prediction);
  const restate = await restatement(architecture, options, method);
  const dropout = dropoutOf(config), lora = loraOf(method);
  const isKnown = !activationCheckpointing && (method.kind === "full" || method.kind === "lora");
  const formula = dropout === undefined || !isKnown || stored === "nf4" || stored === "fp4"
    ? undefined
    : gpt2StepBytes(config, { ...step, dropout, lora, dtype: stored });
  return {
    parameters: countParameters(architecture.tensors),
    trained: byRole.gradient / 4,
    peak: restate(peakByRole),
    live: restate(byRole),
    byFormula: formula && restate(formula),
  };
}

/** The optimizer that the step runs with: the one asked for, in F32 if there is such a training. */
export function ranWith({ optimizer, dtype }: Pick<ForecastOptions, "optimizer" | "dtype">) {
  const own = trainingOptimizers.find((name) => name === optimizer);
  return dtype === "f32" && own || "adamw";
}

/** How the matrices of the blocks are stored: as it is asked, or in 4 bits as the files or the configuration say. */
function storedAs(config: ConfigJson, options: ForecastOptions): FloatDtype | FourBitCode {
  const asked = baseTypeOf(options), [form] = options.quantized?.values() ?? [];
  if (asked !== undefined && asked !== "auto") return asked;
  const code = form?.code ?? quantizationOf(config)?.code;
  return code ?? (asked === "auto" ? floatTypeOf(config) : "F32");
}

/** Throws for a base that a method, or a conversion, does not fit. */
function assertFits(
  stored: string,
  { baseDtype, dtype }: ForecastOptions,
  { kind }: MethodSpec,
): void {
  if (stored === "F32" || kind !== "full" && dtype === "f32") return;
  const rule = `${kind === "full" ? "full fine-tuning" : `--dtype ${dtype}`} needs a base in F32`;
  const adapted = kind === "full" ? "give --rank 8 for an adapter, or " : "";
  if (baseDtype === undefined) {
    throw new RangeError(`${rule}, found one in ${stored}: ${adapted}use --base-dtype f32`);
  }
  if (kind === "full") {
    throw new RangeError(
      `${rule}, found --base-dtype ${baseDtype}: ${adapted}use --base-dtype f32`,
    );
  }
  throw new RangeError(`--base-dtype ${baseDtype} needs --dtype f32, found ${dtype}`);
}

/** Converts the bytes of the step that ran to those of another optimizer and type. */
async function restatement(
  architecture: Architecture,
  { optimizer, dtype }: ForecastOptions,
  method: MethodSpec,
) {
  const { trainingBytes } = await import("../accounting/mod.ts");
  if (dtype === "f32" && optimizer === ranWith({ optimizer, dtype })) {
    return <T extends object>(bytes: T): T => bytes;
  }
  if (method.kind !== "full" && method.kind !== "lora") {
    throw new RangeError(
      `--dtype and --optimizer convert full fine-tuning and lora, found --method ${method.kind}`,
    );
  }
  const state = trainingBytes(architecture, precisions[dtype], loraOf(method), optimizer);
  const share = dtype === "f32" ? 1 : 1 / 2;
  return <T extends { readonly weight: number; readonly activation: number }>(bytes: T): T => {
    const { weight } = dtype === "f32" ? bytes : state;
    return { ...bytes, ...state, weight, activation: bytes.activation * share };
  };
}

/** Whether a step drops values as its configuration says; undefined for one rate alone: no formula covers it. */
function dropoutOf({ embd_pdrop, resid_pdrop }: ConfigJson): boolean | undefined {
  const [embeddings, residuals] = [embd_pdrop, resid_pdrop].map((rate) => Boolean(rate));
  return embeddings === residuals ? residuals : undefined;
}

function loraOf(method: MethodSpec): SiteSelection & { rank: number } | undefined {
  if (method.kind !== "lora") return undefined;
  const { rank, sites, targetModules } = method;
  return { rank, sites, targetModules };
}
