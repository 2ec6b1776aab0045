/**
 * Measures the part of an update that is left when it is merged into a weight in 4 bits.
 *
 * @module
 */

import type { HostTensor } from "../../../src/core/tensor.ts";
import { boundsOf, mean } from "../../../src/core/numbers.ts";
import {
  dequantize,
  quantize,
  type QuantizedForm,
  type QuantizeOptions,
} from "../../../src/quant/mod.ts";
import { comparison } from "../../../src/quant/requantize.ts";
import { otherWork } from "../../../src/train/evaluate.ts";
import type { ExperimentContext } from "../../frame/mod.ts";
import {
  type KindOfWeights,
  kindsOfWeights,
  norm,
  scaled,
  type UpdatedWeight,
  updatedWeights,
} from "./matrices.ts";

/** ‖ΔW‖ / ‖W‖. */
export const sizes = [0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1] as const;

/** Values per block. */
export const blockSizes = [32, 64, 128, 256] as const;

/**
 * The weight that the update is added to before quantizing: the values of the 4 bits, or the floats
 * that they were made of.
 */
export type MergedInto = "4 bits" | "floats";

/** Storage form of weights, and the weight that an update is merged into. */
export interface MergeForm extends QuantizedForm {
  /** The weight that the update is added to. */
  readonly into: MergedInto;
}

/** The part of an update that is left. */
export interface Left {
  /** ⟨after − before, ΔW⟩ / ‖ΔW‖². */
  readonly kept: number;
  /** ‖after − before − ΔW‖ / ‖ΔW‖. */
  readonly error: number;
  /** ⟨after − before, ΔW′⟩ / ‖ΔW′‖² of an update ΔW′ that was not merged. */
  readonly chance: number;
}

/** The part that is left of updates of one size, over the matrices. */
export interface SurvivalPoint extends Left {
  /** ‖ΔW‖ / ‖W‖. */
  readonly size: number;
  /** The smallest `kept` of a matrix. */
  readonly least: number;
  /** The largest. */
  readonly most: number;
}

/** One form with one kind of weights. */
export interface SurvivalRow extends MergeForm {
  /** Origin of the weights and updates. */
  readonly kind: KindOfWeights;
  /** ‖W − W₄‖ / ‖W‖, the mean over the matrices. */
  readonly quantizationError: number;
  /** One for each of the sizes. */
  readonly points: readonly SurvivalPoint[];
}

/** All rows, and how large the trained updates were. */
export interface SurvivalRows {
  /** Every kind of weights in every form. */
  readonly rows: readonly SurvivalRow[];
  /** ‖ΔW‖ / ‖W‖ of each trained update. */
  readonly trainedSizes: readonly number[];
}

/** The forms of decision 0033. */
export const forms: readonly MergeForm[] = [
  ...(["nf4", "fp4"] as const).flatMap((code) =>
    blockSizes.map((blockSize) => formOf({ code, blockSize }))
  ),
  ...blockSizes.map((blockSize) => formOf({ blockSize, doubleQuantization: false })),
  formOf({ into: "floats" }),
  formOf({ code: "fp4", into: "floats" }),
];

/** QLoRA's form but for what is given. */
function formOf(form: Partial<MergeForm>): MergeForm {
  return { code: "nf4", blockSize: 64, doubleQuantization: true, into: "4 bits", ...form };
}

/** Measures everything on the host. */
export async function survivalRows(context: ExperimentContext): Promise<SurvivalRows> {
  const weights = await updatedWeights(context), rows: SurvivalRow[] = [];
  for (const kind of kindsOfWeights) {
    const own = weights.filter((weight) => weight.kind === kind);
    for (const form of own.length > 0 ? forms : []) {
      context.signal.throwIfAborted();
      context.report(rows.length / (forms.length * kindsOfWeights.length), `${kind} weights`);
      rows.push(survivalRow(kind, own, form));
      await otherWork(); // Ctrl-C, too.
    }
  }
  return { rows, trainedSizes: weights.flatMap(({ trainedSize }) => trainedSize ?? []) };
}

function survivalRow(
  kind: KindOfWeights,
  weights: readonly UpdatedWeight[],
  form: MergeForm,
): SurvivalRow {
  const merges = weights.map((weight) => mergesOf(weight, form));
  return {
    ...{ kind, ...form },
    quantizationError: mean(merges.map(({ quantizationError }) => quantizationError)),
    points: sizes.map((size, i) => pointOf(size, merges.map(({ left }) => left[i]))),
  };
}

function pointOf(size: number, left: readonly Left[]): SurvivalPoint {
  const average = (key: keyof Left) => mean(left.map((one) => one[key]));
  const [least, most] = boundsOf(left.map(({ kept }) => kept));
  return {
    size,
    kept: average("kept"),
    least,
    most,
    error: average("error"),
    chance: average("chance"),
  };
}

/** One weight at all sizes of its update. */
function mergesOf({ weight, update, unrelated }: UpdatedWeight, form: MergeForm) {
  const before = inFourBits(weight, form), start = form.into === "floats" ? weight : before;
  return {
    quantizationError: norm(sumOf(weight, before, -1)) / norm(weight),
    left: sizes.map((size) => {
      const [delta, other] = [update, unrelated].map((one) => scaled(one, size));
      return leftOf(before, inFourBits(sumOf(start, delta), form), delta, other);
    }),
  };
}

/** The values of a tensor after it was quantized. */
function inFourBits(tensor: HostTensor, { into: _, ...form }: MergeForm): HostTensor {
  return dequantize(quantize(tensor, form satisfies QuantizeOptions));
}

/** a + factor · b, in F32. */
function sumOf({ shape, data }: HostTensor, b: HostTensor, factor = 1): HostTensor {
  const sum = new Float32Array(data.length);
  for (let i = 0; i < sum.length; i++) sum[i] = data[i] + factor * b.data[i];
  return { shape, data: sum };
}

/** Measures the part of a step that is along ΔW, and along another update of that size. */
export function leftOf(
  { data: before }: HostTensor,
  { data: after }: HostTensor,
  { data: update }: HostTensor,
  { data: unrelated }: HostTensor,
): Left {
  const { survivingShare: kept, relativeError: error } = comparison(before, update, after);
  return { kept, error, chance: comparison(before, unrelated, after).survivingShare };
}
