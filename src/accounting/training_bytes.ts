/** Bytes of training any model, by role and by the type of its numbers, without activations. @module */

import { evaluate } from "./evaluate.ts";
import { factorsOf, type LoraSelection, selectedUpdates } from "./lora_count.ts";
import { matricesOf } from "./matrices.ts";
import { countParameters, type TensorShape } from "./models/tensor_shape.ts";
import { optimizerBytes } from "./optimizer_bytes.ts";
import type { OptimizerName } from "./optimizers.ts";

/**
 * How numbers are held: all in F32; two bytes with an F32 copy of what is trained; or linear layers in NF4,
 * without or with double quantisation, the rest in two bytes and adapters in F32 (PEFT's default).
 */
export type Precision = "fp32" | "mixed" | "nf4" | "nf4-double";

/** Bytes that do not depend on the batch. */
export interface TrainingBytes {
  /** The base model in four bytes or two, with all copies of it. */
  readonly weight: number;
  /** Its linear layers where they are in NF4. */
  readonly quantized: number;
  /** A and B of every update. */
  readonly adapter: number;
  /** Gradients of what is trained. */
  readonly gradient: number;
  /** What the optimiser keeps: two moments with Adam. */
  readonly optimizer: number;
}

/**
 * Bytes of weights, adapters, gradients and the optimiser's state, each from its closed formula.
 *
 * @param tensors The model's, as `modelTensors` lists them.
 * @param lora What is adapted and with which rank; undefined where everything is trained.
 * @param optimizer Whose state is F32 but for 8-bit Adam's. Default `adamw`.
 * @throws {RangeError} when everything is to be trained in NF4, whose values cannot move, or a selection
 * matches nothing.
 *
 * @example
 * ```ts
 * import { catalogue, modelTensors, trainingBytes } from "@lowrank/core/accounting";
 *
 * const tensors = modelTensors(catalogue["llama-2-7b"].config);
 * const lora = { rank: 16, targetModules: "all-linear" } as const;
 * const { weight, quantized } = trainingBytes(tensors, "nf4-double", lora);
 * console.log(weight + quantized); // 3865592704
 * ```
 */
export function trainingBytes(
  tensors: readonly TensorShape[],
  precision: Precision,
  lora?: LoraSelection & {
    /** r. */
    readonly rank: number;
  },
  optimizer: OptimizerName = "adamw",
): TrainingBytes {
  if (!lora && precision !== "fp32" && precision !== "mixed") {
    throw new RangeError(
      `training all of a model needs F32 or mixed precision, found ${precision}`,
    );
  }
  const trained = lora ? factorsOf(selectedUpdates(tensors, lora), lora.rank) : tensors;
  const P_t = countParameters(trained);
  const [weights, gradients] = precision === "mixed"
    ? ["trainedBytesMixed", "gradientBytesHalf"]
    : ["trainedBytesFp32", "gradientBytesFp32"];
  const own = bytes(weights, { P_t });
  return {
    ...(lora ? frozenBytes(tensors, precision) : { weight: own, quantized: 0 }),
    adapter: lora ? own : 0,
    gradient: bytes(gradients, { P_t }),
    optimizer: optimizerBytes(optimizer, trained),
  };
}

const bytes = (name: string, values: Record<string, number>): number =>
  Number(evaluate(name, values));

function frozenBytes(
  tensors: readonly TensorShape[],
  precision: Precision,
): Pick<TrainingBytes, "weight" | "quantized"> {
  const P_f = countParameters(tensors), half = (P_f: number) => bytes("frozenBytesHalf", { P_f });
  if (precision === "fp32") return { weight: bytes("frozenBytesFp32", { P_f }), quantized: 0 };
  if (precision === "mixed") return { weight: half(P_f), quantized: 0 };
  const linears = matricesOf(tensors).filter(({ kind }) => kind === "linear");
  const sizes = linears.map(({ inputs, outputs }) => inputs * outputs);
  return {
    weight: half(sizes.reduce((rest, size) => rest - size, P_f)),
    quantized: sizes.reduce((sum, P_q) => sum + quantizedBytes(P_q, precision), 0),
  };
}

/** Blocks of 64 values, and of 256 scales, as bitsandbytes has them. */
function quantizedBytes(P_q: number, precision: "nf4" | "nf4-double"): number {
  return precision === "nf4"
    ? bytes("frozenBytesNf4", { P_q, B_q: 64 })
    : bytes("frozenBytesNf4Double", { P_q, B_q: 64, B_s: 256 });
}
