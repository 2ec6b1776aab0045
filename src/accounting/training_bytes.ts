/** Bytes of training any model, by role and by the type of its numbers, without activations. @module */

import { evaluate } from "./evaluate.ts";
import { type LoraSelection, selectedUpdates } from "./lora_count.ts";
import { matricesOf } from "./matrices.ts";
import { countParameters, type TensorShape } from "./models/tensor_shape.ts";

/**
 * How numbers are held: all in F32; two bytes with an F32 copy of what is trained; or linear layers in NF4,
 * without or with double quantisation, the rest in two bytes and adapters in F32 (PEFT's default).
 */
export type Precision = "fp32" | "mixed" | "nf4" | "nf4-double";

/** Bytes that do not depend on the batch. */
export interface TrainingBytes {
  /** The base model, with all copies of it. */
  readonly weight: number;
  /** A and B of every update. */
  readonly adapter: number;
  /** Gradients of what is trained. */
  readonly gradient: number;
  /** Adam's moments. */
  readonly optimizer: number;
}

/**
 * Bytes of weights, adapters, gradients and Adam's moments, each from its closed formula.
 *
 * @param tensors The model's, as `modelTensors` lists them.
 * @param lora What is adapted and with which rank. Default: everything is trained.
 * @throws {RangeError} when everything is to be trained in NF4, whose values cannot move, or a selection
 * matches nothing.
 *
 * @example
 * ```ts
 * import { catalogue, modelTensors, trainingBytes } from "@lowrank/core/accounting";
 *
 * const tensors = modelTensors(catalogue["llama-2-7b"].config);
 * const lora = { rank: 16, targetModules: "all-linear" } as const;
 * console.log(trainingBytes(tensors, "nf4-double", lora).weight); // 3865592704
 * ```
 */
export function trainingBytes(
  tensors: readonly TensorShape[],
  precision: Precision,
  lora?: LoraSelection & {
    /** r. */
    readonly rank: number;
  },
): TrainingBytes {
  if (!lora) return fullBytes(tensors, precision);
  const P_t = selectedUpdates(tensors, lora).reduce(
    (sum, { matrix: { inputs: d_in }, outputs: d_out }) =>
      sum + bytes("lowRankParameters", { r: lora.rank, d_in, d_out }),
    0,
  );
  const { weight: adapter, ...state } = trainedBytes(P_t, precision);
  return { weight: frozenBytes(tensors, precision), adapter, ...state };
}

const bytes = (name: string, values: Record<string, number>): number =>
  Number(evaluate(name, values));

function fullBytes(tensors: readonly TensorShape[], precision: Precision): TrainingBytes {
  if (precision === "fp32" || precision === "mixed") {
    return { ...trainedBytes(countParameters(tensors), precision), adapter: 0 };
  }
  throw new RangeError(
    `all of a model can be trained in fp32 or mixed precision, found ${precision}`,
  );
}

function trainedBytes(P_t: number, precision: Precision) {
  const [weights, gradients] = precision === "mixed"
    ? ["trainedBytesMixed", "gradientBytesHalf"]
    : ["trainedBytesFp32", "gradientBytesFp32"];
  return {
    weight: bytes(weights, { P_t }),
    gradient: bytes(gradients, { P_t }),
    optimizer: bytes("adamStateBytes", { P_t }),
  };
}

function frozenBytes(tensors: readonly TensorShape[], precision: Precision): number {
  const P_f = countParameters(tensors);
  if (precision === "fp32") return bytes("frozenBytesFp32", { P_f });
  if (precision === "mixed") return bytes("frozenBytesHalf", { P_f });
  const linears = matricesOf(tensors).filter(({ kind }) => kind === "linear");
  const sizes = linears.map(({ inputs, outputs }) => inputs * outputs);
  const quantized = sizes.reduce((sum, P_q) => sum + quantizedBytes(P_q, precision), 0);
  const rest = sizes.reduce((sum, size) => sum - size, P_f);
  return quantized + bytes("frozenBytesHalf", { P_f: rest });
}

/** Blocks of 64 values, and of 256 scales, as bitsandbytes has them. */
function quantizedBytes(P_q: number, precision: "nf4" | "nf4-double"): number {
  return precision === "nf4"
    ? bytes("frozenBytesNf4", { P_q, B_q: 64 })
    : bytes("frozenBytesNf4Double", { P_q, B_q: 64, B_s: 256 });
}
