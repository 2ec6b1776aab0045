/** The part of an update that is left when it is merged into a weight in 4 bits: trained updates, and random ones. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { architectureOf } from "../../src/architectures/mod.ts";
import { boundsOf, mean } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { deltaWeight, type LowRankFactors } from "../../src/core/update.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { type BaseWeights, openBaseWeights } from "../../src/inspect/mod.ts";
import { normalValues } from "../../src/linalg/gaussian.ts";
import { denseOf, frobeniusNorm, gaussian } from "../../src/linalg/mod.ts";
import {
  dequantize,
  quantize,
  type QuantizedForm,
  type QuantizeOptions,
} from "../../src/quant/mod.ts";
import { comparison } from "../../src/quant/quantize.ts";
import { otherWork } from "../../src/train/evaluate.ts";
import { baseConfig, baseFolder } from "../base_model.ts";
import type { ExperimentContext, PlanContext } from "../frame/mod.ts";
import { shippedFolder } from "../rank_study/adapters.ts";
import { nameOf, subspaceSeeds } from "../rank_study/runs.ts";

/** Origins of weights and updates. */
export const kindsOfWeights = ["trained", "base", "normal"] as const;

/** One of {@link kindsOfWeights}. */
export type KindOfWeights = typeof kindsOfWeights[number];

/** A weight with an update. */
interface UpdatedWeight {
  /** Its origin. */
  readonly kind: KindOfWeights;
  /** W. */
  readonly weight: HostTensor;
  /** ΔW, as large as W. */
  readonly update: HostTensor;
  /** Another update, as large: what chance gives. */
  readonly unrelated: HostTensor;
  /** ‖ΔW‖ / ‖W‖ as it was trained; undefined for a random one. */
  readonly trainedSize?: number;
}

/** Rank of all updates. */
export const rank = 8;

/** Rows and columns of the normal matrix; smaller in a quick run. */
const width = 512, quickWidth = 256;

/** All weights of a job: of a quick one, those that are read fast. */
export async function updatedWeights(context: PlanContext): Promise<UpdatedWeight[]> {
  const { seeds, full, quick } = context;
  using weights = await openBaseWeights(baseFolder);
  const trained = await trainedUpdates(weights, full ? subspaceSeeds : subspaceSeeds.slice(0, 1));
  const random = quick ? [] : await Promise.all(seeds.map((seed) => randomUpdates(weights, seed)));
  const normal = seeds.map((seed) => normalWeight(quick ? quickWidth : width, new Random(seed)));
  return [...trained, ...random.flat(), ...normal];
}

/** q and v of every layer, with the updates that were trained. */
async function trainedUpdates(
  weights: BaseWeights,
  seeds: readonly number[],
): Promise<UpdatedWeight[]> {
  const found: UpdatedWeight[] = [];
  for (const seed of seeds) {
    const folder = join(shippedFolder, nameOf({ sites: ["q", "v"], rank, seed }));
    for (const update of (await readAdapter(folder)).updates) {
      const weight = await weights.weightOf(update), random = new Random(seed).split(found.length);
      const trainedSize = norm(deltaWeight(update)) / norm(weight);
      found.push({ ...updated("trained", weight, update, random), trainedSize });
    }
  }
  return found;
}

/** The linear layers of the first block, with random updates. */
async function randomUpdates(weights: BaseWeights, seed: number): Promise<UpdatedWeight[]> {
  const { linears } = architectureOf(await baseConfig()), random = new Random(seed);
  const first = linears.filter(({ name, kind }) => kind === "linear" && name.includes(".h.0."));
  return await Promise.all(first.map(async ({ name, outputs, inputs }, i) => {
    const own = random.split(i);
    const update: LowRankUpdate = { module: name, ...randomFactors([outputs, inputs], own) };
    return updated("base", await weights.weightOf(update), update, own);
  }));
}

function normalWeight(width: number, random: Random): UpdatedWeight {
  const weight = { shape: [width, width], data: normalValues(width * width, 1, random) };
  return updated("normal", weight, randomFactors(weight.shape, random), random);
}

function updated(
  kind: KindOfWeights,
  weight: HostTensor,
  factors: LowRankFactors,
  random: Random,
): UpdatedWeight {
  const [update, unrelated] = [factors, randomFactors(weight.shape, random)]
    .map((one) => asLargeAs(weight, deltaWeight(one)));
  return { kind, weight, update, unrelated };
}

/** A and B of independent normal values. */
function randomFactors([rows, columns]: readonly number[], random: Random): LowRankFactors {
  const A = { shape: [rank, columns], data: gaussian(rank, columns, random).data };
  const B = { shape: [rows, rank], data: gaussian(rows, rank, random).data };
  return { A, B, scaling: 1 };
}

const asLargeAs = (weight: HostTensor, tensor: HostTensor): HostTensor =>
  scaled(tensor, norm(weight) / norm(tensor));

/** A tensor times a factor, in F32. */
export function scaled({ shape, data }: HostTensor, factor: number): HostTensor {
  const product = new Float32Array(data.length);
  for (let i = 0; i < product.length; i++) product[i] = factor * data[i];
  return { shape, data: product };
}

/** ‖W‖, Frobenius. */
export const norm = (tensor: HostTensor): number => frobeniusNorm(denseOf(tensor));

/** ‖ΔW‖ / ‖W‖. */
export const sizes = [0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1] as const;

/** Values per block. */
export const blockSizes = [32, 64, 128, 256] as const;

/**
 * The weight that the update is added to before quantizing: the values of the 4 bits, or the floats
 * that they were made of.
 */
type MergedInto = "4 bits" | "floats";

/** Storage form of weights, and the weight that an update is merged into. */
interface MergeForm extends QuantizedForm {
  /** The weight that the update is added to. */
  readonly into: MergedInto;
}

/** The part of an update that is left. */
interface Left {
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
