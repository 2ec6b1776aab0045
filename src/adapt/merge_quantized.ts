/** Merging into weights in 4 bits: what would be left of the updates, and what is done about it. @module */

import { quote } from "../core/quote.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { readQuantized } from "../formats/read_quantized.ts";
import { type BaseFile, openBase } from "../models/base_file.ts";
import { denseOf, difference, frobeniusNorm } from "../linalg/mod.ts";
import { dequantize } from "../quant/dequantize.ts";
import type { QuantizedTensor } from "../quant/quantized_tensor.ts";
import { requantize } from "../quant/requantize.ts";
import type { WeightChange } from "./merge_blocks.ts";
import type { MergePlan } from "./merge_plan.ts";
import type { MergedWeight } from "./merge_report.ts";
import { wholeChange } from "./stored_change.ts";

/** The ways to merge into a base in 4 bits: a copy in floats, or weights that are quantized again. */
export const quantizedMerges = ["float", "requantize"] as const;

/** One of {@link quantizedMerges}. */
export type QuantizedMerge = typeof quantizedMerges[number];

/** A weight in 4 bits that would change, with what requantizing leaves of its update. */
export interface QuantizedWeight extends Omit<MergedWeight, "extraBytes"> {
  /** ‖q‖ = ‖W − W₄‖, Frobenius: how far it is from the floats that it was quantized from, if they are known. */
  readonly quantizationNorm?: number;
}

/** Weights that were quantized again, by their names in the file. */
export type QuantizedForecast = ReadonlyMap<
  string,
  { readonly tensor: QuantizedTensor; readonly report: QuantizedWeight }
>;

/**
 * Quantizes every weight in 4 bits that would change again, with its updates; nothing is written.
 *
 * @param floatBase The folder of the floats.
 * @throws {RangeError} when the floats have no such weight, or the base is not in 4 bits.
 */
export async function forecastMerge(
  base: BaseFile,
  { weights }: MergePlan,
  floatBase?: string,
): Promise<QuantizedForecast> {
  assertQuantizedBase(base, floatBase, "--float-base is the floats of a base in 4 bits");
  using floats = floatBase === undefined ? undefined : await openBase(floatBase);
  const forecast = new Map<string, { tensor: QuantizedTensor; report: QuantizedWeight }>();
  for (const [key, change] of weights) {
    if (!base.quantized.has(key)) continue;
    const { tensor, ...found } = await requantized(base, key, change);
    const quantizationNorm = floats && await distanceFrom(floats, base, key);
    const { deltaNorm, weightNorm, survivingShare } = found, { module } = change;
    const report = { module, deltaNorm, weightNorm, relativeNorm: deltaNorm / weightNorm };
    forecast.set(key, { tensor, report: { ...report, survivingShare, quantizationNorm } });
  }
  return forecast;
}

/** Updates are (out, in) as weights in 4 bits are, also where files of floats have them turned. */
async function requantized(base: BaseFile, key: string, { updates }: WeightChange) {
  const tensor = await readQuantized(base.stored, key), isTurned = base.isTurned(key);
  const located = updates.map(({ read, isTransposed }) => ({
    read,
    isTransposed: isTransposed !== isTurned,
  }));
  return requantize(tensor, await wholeChange(located, dequantize(tensor)));
}

/** ‖W − W₄‖ of a weight. */
async function distanceFrom(floats: BaseFile, base: BaseFile, key: string): Promise<number> {
  const [name, ...others] = floats.find(key), own = await base.file.read(key);
  const W = name !== undefined && others.length === 0 ? await floats.file.read(name) : undefined;
  if (W && sameShape(W.shape, own.shape)) {
    return frobeniusNorm(difference(denseOf(W), denseOf(own)));
  }
  throw new RangeError(
    `the floats in ${floats.folder} must have one ${quote(key)} of ${
      formatShape(own.shape)
    }, found ${W ? formatShape(W.shape) : "none"}`,
  );
}

/** Of all updates together, ⟨W₄′ − W₄, ΔW⟩ / ‖ΔW‖². */
export function survivingShareOf(weights: readonly QuantizedWeight[]): number {
  let kept = 0, whole = 0;
  for (const { deltaNorm, survivingShare } of weights) {
    kept += survivingShare * deltaNorm ** 2;
    whole += deltaNorm ** 2;
  }
  return whole === 0 ? 1 : kept / whole;
}

/** What was chosen. */
interface Choice {
  readonly quantized?: QuantizedMerge;
  readonly dtype?: string;
}

/**
 * Throws unless it was said what becomes of weights in 4 bits that would change.
 *
 * @throws {RangeError} when it was not, or it cannot be done.
 */
export function assertChosen(
  base: BaseFile,
  { weights, saved }: MergePlan,
  reports: readonly QuantizedWeight[],
  { quantized, dtype }: Choice,
): void {
  assertQuantizedBase(base, quantized, "--quantized is for a base in 4 bits");
  if (base.stored === base.file || quantized === "float") return;
  if (dtype !== undefined) {
    throw new RangeError("--dtype is for floats: give --quantized float too, or leave it out");
  }
  const replaced = [...saved.keys(), ...[...weights.keys()].filter((key) => weights.get(key)!.rows)]
    .find((key) => base.quantized.has(key));
  if (replaced !== undefined) {
    throw new RangeError(
      `weights in 4 bits take low-rank updates, found ${
        quote(replaced)
      }, which was trained in full: ` +
        "give --quantized float",
    );
  }
  if (reports.length === 0 || quantized === "requantize") return;
  throw new RangeError(
    `merging into weights in 4 bits would keep ${
      percent(survivingShareOf(reports))
    } of dW: keep the ` +
      "adapter beside the base (other commands take it by --adapter), or choose --quantized float, a copy " +
      "of the model in floats, or --quantized requantize, which loses the rest of dW",
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

function assertQuantizedBase({ stored, file, folder }: BaseFile, option: unknown, rule: string) {
  if (option === undefined || stored !== file) return;
  throw new RangeError(`${rule}, found floats in ${folder}`);
}
