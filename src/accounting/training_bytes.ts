/** Bytes of training any model, by role and precision, without activations. @module */

import {
  type Architecture,
  countParameters,
  type TensorSpec,
} from "../architectures/architecture.ts";
import { selectLayerSites, type SiteSelection } from "../architectures/sites.ts";
import { evaluateFormula } from "./evaluate_formula.ts";
import { factorsOf } from "./method_counts.ts";
import type { OptimizerName } from "./optimizers.ts";

/** Smallest tensor whose moments bitsandbytes holds in 8 bits, and block size. */
const least8bit = 4096, block8bit = 256;

const bytes = (name: string, values: Record<string, number>): number =>
  Number(evaluateFormula(name, values));

const stateBytes: Readonly<Record<OptimizerName, (tensor: TensorSpec) => number>> = {
  sgd: (tensor) => bytes("sgdStateBytes", { P_t: countParameters([tensor]) }),
  momentum: (tensor) => bytes("momentumStateBytes", { P_t: countParameters([tensor]) }),
  adamw: (tensor) => bytes("adamStateBytes", { P_t: countParameters([tensor]) }),
  adamw8bit: (tensor) => {
    const P_t = countParameters([tensor]);
    return P_t < least8bit
      ? bytes("adamStateBytes", { P_t })
      : bytes("adamw8bitStateBytes", { P_t, B_q: block8bit });
  },
  adafactor: ({ name, shape }) => {
    // A vector cannot be factored: all its squares are kept.
    if (shape.length !== 2) return stateBytes.momentum({ name, shape });
    return bytes("adafactorStateBytes", { d_out: shape[0], d_in: shape[1] });
  },
};

/**
 * Bytes kept between steps, summed over tensors.
 *
 * `adamw8bit` is that of bitsandbytes, which leaves tensors of fewer than 4,096 values in F32; Adafactor
 * has no momentum and factors every matrix, however narrow, as in transformers.
 *
 * @param trained The trained values: a model's tensors, or the A and B of its updates.
 *
 * @example
 * ```ts
 * import { optimizerBytes } from "@lowrank/core/accounting";
 *
 * const matrix = [{ name: "W", shape: [768, 3072] }];
 * console.log(optimizerBytes("adamw", matrix)); // 18874368, 8 per value
 * console.log(optimizerBytes("adafactor", matrix)); // 15360, 4 per row and column
 * ```
 */
export function optimizerBytes(optimizer: OptimizerName, trained: Iterable<TensorSpec>): number {
  return [...trained].reduce((sum, tensor) => sum + stateBytes[optimizer](tensor), 0);
}

/**
 * Bytes of scratch that stay between steps. Moments in 8 bits need the 256 values of their two maps, and the middles
 * between them.
 */
export function optimizerScratchBytes(
  optimizer: OptimizerName,
  trained: Iterable<TensorSpec>,
): number {
  const isMapped = optimizer === "adamw8bit" &&
    [...trained].some((tensor) => countParameters([tensor]) >= least8bit);
  return isMapped ? 4 * 4 * 256 : 0;
}

/**
 * Storage of values: all in F32; in two bytes, with an F32 copy of what is trained; or linear
 * layers in NF4, without or with double quantization, the rest in two bytes and adapters in F32
 * (PEFT's default).
 */
export type Precision = "fp32" | "mixed" | "nf4" | "nf4-double";

/** Bytes that do not depend on the batch. */
export interface TrainingBytes {
  /** The base model in four bytes or two, with all copies of it. */
  readonly weight: number;
  /** Its linear layers, if they are in NF4. */
  readonly quantized: number;
  /** A and B of every update. */
  readonly adapter: number;
  /** Gradients of what is trained. */
  readonly gradient: number;
  /** State of the optimizer: two moments with Adam. */
  readonly optimizer: number;
}

/**
 * Bytes of weights, adapters, gradients and the optimizer's state, each from its closed formula.
 *
 * @param lora Adapted matrices and their rank. Default: everything is trained.
 * @param optimizer Its state is F32, except that of `adamw8bit`. Default `adamw`.
 * @throws {RangeError} when everything is to be trained in NF4, which cannot be trained, or a selection
 * matches nothing.
 *
 * @example
 * ```ts
 * import { trainingBytes } from "@lowrank/core/accounting";
 * import { architectureOf, catalog } from "@lowrank/core/architectures";
 *
 * const llama = architectureOf(catalog["llama-2-7b"].config);
 * const lora = { rank: 16, targetModules: "all-linear" } as const;
 * const { weight, quantized } = trainingBytes(llama, "nf4-double", lora);
 * console.log(weight + quantized); // 3865592704
 * ```
 */
export function trainingBytes(
  architecture: Pick<Architecture, "tensors" | "linears">,
  precision: Precision,
  lora?: SiteSelection & {
    /** r. */
    readonly rank: number;
    /** True if A is frozen, and B alone is trained. Default false. */
    readonly freezeA?: boolean;
  },
  optimizer: OptimizerName = "adamw",
): TrainingBytes {
  if (!lora && precision !== "fp32" && precision !== "mixed") {
    throw new RangeError(
      `training all of a model needs F32 or mixed precision, found ${precision}`,
    );
  }
  const { tensors, linears } = architecture;
  const all = lora ? factorsOf(selectLayerSites(linears, lora), lora.rank) : tensors;
  const [frozen, trained] = [true, false].map((is) =>
    [...all].filter(({ name }) => is === (lora?.freezeA === true && name.endsWith(".A")))
  );
  const P_t = countParameters(trained), P_f = countParameters(frozen);
  const [weights, gradients] = precision === "mixed"
    ? ["trainedBytesMixed", "gradientBytesHalf"]
    : ["trainedBytesFp32", "gradientBytesFp32"];
  const own = bytes(weights, { P_t }), isHalf = precision === "mixed";
  const still = bytes(isHalf ? "frozenBytesHalf" : "frozenBytesFp32", { P_f });
  return {
    ...(lora ? frozenBytes(architecture, precision) : { weight: own, quantized: 0 }),
    adapter: lora ? own + still : 0,
    gradient: bytes(gradients, { P_t }),
    optimizer: optimizerBytes(optimizer, trained),
  };
}

function frozenBytes(
  { tensors, linears }: Pick<Architecture, "tensors" | "linears">,
  precision: Precision,
): Pick<TrainingBytes, "weight" | "quantized"> {
  const P_f = countParameters(tensors), half = (P_f: number) => bytes("frozenBytesHalf", { P_f });
  if (precision === "fp32") return { weight: bytes("frozenBytesFp32", { P_f }), quantized: 0 };
  if (precision === "mixed") return { weight: half(P_f), quantized: 0 };
  const sizes = linears.filter(({ kind }) => kind === "linear")
    .map(({ inputs, outputs }) => inputs * outputs);
  return {
    weight: half(sizes.reduce((rest, size) => rest - size, P_f)),
    quantized: sizes.reduce((sum, P_q) => sum + quantizedBytes(P_q, precision), 0),
  };
}

/** Blocks of 64 values, and of 256 scales, as in bitsandbytes. */
function quantizedBytes(P_q: number, precision: "nf4" | "nf4-double"): number {
  return precision === "nf4"
    ? bytes("frozenBytesNf4", { P_q, B_q: 64 })
    : bytes("frozenBytesNf4Double", { P_q, B_q: 64, B_s: 256 });
}
