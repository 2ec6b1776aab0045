/** Merging into weights in 4 bits: what would be left of the updates, and what is done about it. @module */

import { quote } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/tensor.ts";
import { readQuantized } from "../../formats/four_bit.ts";
import { denseOf, difference, frobeniusNorm } from "../../linalg/mod.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import { dequantize } from "../../quant/quantize.ts";
import type { QuantizedTensor } from "../../quant/quantized_tensor.ts";
import { requantize } from "../../quant/quantize.ts";
import { type WeightChange, wholeChange } from "./change.ts";
import type { MergePlan } from "./plan.ts";
import type { MergedWeight } from "./report.ts";

/** The ways to merge into a base in 4 bits: a copy in floats, or weights that are quantized again. */
export const quantizedMerges = ["float", "requantize"] as const;

/** One of {@link quantizedMerges}. */
export type QuantizedMerge = typeof quantizedMerges[number];

/** A weight in 4 bits that would change, with what requantizing leaves of its update. */
export interface QuantizedWeight extends Omit<MergedWeight, "extraBytes"> {
  /** ‖q‖ = ‖W − W₄‖, Frobenius: how far it is from the floats that it was quantized from, if they are known. */
  readonly quantizationNorm?: number;
}

/** Forecast of quantizing weights again, by their names in the file. */
export interface QuantizedForecast {
  /** Reports on the remainders of their updates. */
  readonly reports: ReadonlyMap<string, QuantizedWeight>;
  /** The new weights, if they were asked for. */
  readonly tensors: ReadonlyMap<string, QuantizedTensor>;
}

/**
 * Quantizes every weight in 4 bits that would change again, with its updates; nothing is written, and the new
 * weights are kept only to be written. For a copy in floats it is needed only where floats are to be compared.
 *
 * @throws {RangeError} when the folder of floats has no such weight.
 */
export async function forecastMerge(
  base: BaseFile,
  { weights }: MergePlan,
  { quantized, floatBase }: Pick<Choice, "quantized" | "floatBase">,
): Promise<QuantizedForecast> {
  if (quantized === "float" && floatBase === undefined) {
    return { reports: new Map(), tensors: new Map() };
  }
  using floats = floatBase === undefined ? undefined : await openBase(floatBase);
  const changes = [...weights].filter(([key]) => base.quantized.has(key));
  const names = floats && new Map(changes.map(([key]) => [key, nameIn(floats, base, key)]));
  const reports = new Map<string, QuantizedWeight>(), tensors = new Map<string, QuantizedTensor>();
  for (const [key, change] of changes) {
    const { tensor, ...found } = await requantized(base, key, change), { module } = change;
    const { deltaNorm, weightNorm, survivingShare } = found, relativeNorm = deltaNorm / weightNorm;
    const quantizationNorm = floats && await distanceFrom(floats, names!.get(key)!, base, key);
    const report = { module, deltaNorm, weightNorm, relativeNorm, survivingShare };
    reports.set(key, { ...report, quantizationNorm });
    if (quantized === "requantize") tensors.set(key, tensor);
  }
  return { reports, tensors };
}

/** Updates are (out, in) as weights in 4 bits are, also where files of floats have them turned. */
async function requantized(base: BaseFile, key: string, { updates }: WeightChange) {
  const tensor = await readQuantized(base.stored, key), isTurned = base.isTurned(key);
  const located = updates.map((update) => ({
    ...update,
    isTransposed: update.isTransposed !== isTurned,
  }));
  return requantize(tensor, await wholeChange(located, dequantize(tensor)));
}

/** ‖W − W₄‖ of a weight. */
async function distanceFrom(floats: BaseFile, name: string, base: BaseFile, key: string) {
  const [W, own] = [await floats.file.read(name), await base.file.read(key)];
  return frobeniusNorm(difference(denseOf(W), denseOf(own)));
}

/** Name of a weight in the files of the floats. */
function nameIn(floats: BaseFile, base: BaseFile, key: string): string {
  const [name, ...others] = floats.find(key), own = base.file.tensors.get(key)!;
  const entry = others.length === 0 ? floats.file.tensors.get(name) : undefined;
  if (entry && sameShape(entry.shape, own.shape)) return name;
  throw new RangeError(
    `the floats in ${floats.folder} must have one ${quote(key)} of ${
      formatShape(own.shape)
    }, found ${entry ? formatShape(entry.shape) : "none"}`,
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

/** Options that were chosen. */
interface Choice {
  readonly quantized?: QuantizedMerge;
  readonly dtype?: string;
  readonly floatBase?: string;
}

/**
 * Asserts that what was chosen can be done, which takes no work to know.
 *
 * @throws {RangeError} when it cannot.
 */
export function assertPossible(
  base: BaseFile,
  { weights, saved }: MergePlan,
  { quantized, dtype, floatBase }: Choice,
): void {
  assertQuantizedBase(base, floatBase, "--float-base is the floats of a base in 4 bits");
  assertQuantizedBase(base, quantized, "--quantized is for a base in 4 bits");
  if (base.quantized.size === 0 || quantized === "float") return;
  if (dtype !== undefined) {
    throw new RangeError("--dtype is for floats: give --quantized float too, or leave it out");
  }
  const replaced = [...saved.keys(), ...[...weights.keys()].filter((key) => weights.get(key)!.rows)]
    .find((key) => base.quantized.has(key));
  if (replaced === undefined) return;
  throw new RangeError(
    `weights in 4 bits take low-rank updates, found ${
      quote(replaced)
    }, which was trained in full: ` +
      "give --quantized float",
  );
}

/**
 * Throws unless it was said what becomes of weights in 4 bits that would change.
 *
 * @throws {RangeError} when it was not.
 */
export function assertChosen(
  reports: readonly QuantizedWeight[],
  { quantized }: Pick<Choice, "quantized">,
): void {
  if (reports.length === 0 || quantized !== undefined) return;
  throw new RangeError(
    `merging into weights in 4 bits would keep ${
      percent(survivingShareOf(reports))
    } of dW: keep the ` +
      "adapter beside the base (other commands take it with --adapter), or choose --quantized float, a copy " +
      "of the model in floats, or --quantized requantize, which loses the rest of dW",
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

function assertQuantizedBase({ quantized, folder }: BaseFile, option: unknown, rule: string) {
  if (option === undefined || quantized.size > 0) return;
  throw new RangeError(`${rule}, found floats in ${folder}`);
}
