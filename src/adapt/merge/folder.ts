/** Merging adapters into the files of a model, which need not be one that runs. @module */

import { assertNoOtherKind } from "../../formats/folder_kind.ts";
import type { AdapterException, FloatDtype, SafetensorsFile } from "../../formats/mod.ts";
import { mergedMetadata } from "../../formats/peft/base_metadata.ts";
import { promptMetadata } from "../../formats/peft/metadata.ts";
import { quantizedEntries } from "../../formats/four_bit.ts";
import type { EncodedTensor } from "../../formats/safetensors/header.ts";
import { copiedTensor } from "../../formats/safetensors/read.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import { readSmallFiles } from "../../models/files.ts";
import { withPadToken } from "../../models/heads.ts";
import { saveDerived } from "../../models/quantize_folder.ts";
import { withDtype } from "../../models/save_model.ts";
import { withoutQuantization } from "../../models/storage/four_bit.ts";
import { mergedTensor, replacedTensor, type WeightChange } from "./change.ts";
import { type MergePlan, planMerge } from "./plan.ts";
import {
  assertChosen,
  assertPossible,
  forecastMerge,
  type QuantizedForecast,
  type QuantizedMerge,
  type QuantizedWeight,
} from "./quantized.ts";
import type { MergedWeight } from "./report.ts";

/** Result of {@link mergeFolder}. */
export interface FolderMerge {
  /** Each merged weight, in the order of the adapters. */
  readonly weights: readonly Omit<MergedWeight, "extraBytes">[];
  /** Tensors that were taken from adapters as they are, by their names: biases, norms, whole blocks, a head. */
  readonly taken: readonly string[];
  /** Types of the merged model's floats, the most frequent first. */
  readonly dtypes: readonly string[];
  /** Faults of the adapters that were let pass. */
  readonly passed: readonly string[];
}

/** Options of {@link mergeFolder}. */
export interface FolderMergeRequest {
  /** The base model's Hugging Face folder, of any family, whole or sharded. */
  readonly model: string;
  /** PEFT folders. */
  readonly adapters: readonly string[];
  /** The folder to write. */
  readonly output: string;
  /** Type of all floats. Default: each tensor keeps its own. */
  readonly dtype?: FloatDtype;
  /** Faults of the adapters that may pass. Default: nothing. */
  readonly allow?: readonly AdapterException[];
  /** Treatment of weights in 4 bits that the adapters change; required if there are some. */
  readonly quantized?: QuantizedMerge;
  /** The folder of floats that such a base was quantized from, to tell how far from them it is. */
  readonly floatBase?: string;
  /** Is told what requantizing leaves of the updates of such weights, before anything is written. */
  readonly onForecast?: (weights: readonly QuantizedWeight[]) => void;
}

/**
 * Writes a Hugging Face folder whose weights are W + Σ s B A (Hu et al. 2021, section 4.1) or, with DoRA,
 * W + Σ (m V / ‖V‖ − W) with V = W + s B A, and b + s · bias for biases of B, without a forward pass, in shards
 * like the base's. The `config.json` stays as it is, byte for byte, unless the type or the head changes, and
 * so do the tokenizer's files, unless a new classifier's needs a padding token. The folder is saved as a whole.
 *
 * A base in 4 bits stays one with `requantize`, where nothing else is changed, or becomes one of floats.
 *
 * Memory: the adapters in F32, VeRA's factors of one weight, and blocks of a quarter of a million values, however
 * large the model is; of a base in 4 bits, one weight in float64 and, to requantize them, the changed ones in 4 bits.
 *
 * @throws {AdapterFileError} when an adapter cannot be read.
 * @throws {RangeError} when the base has no weight that fits an update, a value is not finite, the base
 * contains an adapter already, the output folder holds an adapter, or weights in 4 bits would change and nobody
 * chose how.
 */
export async function mergeFolder(request: FolderMergeRequest): Promise<FolderMerge> {
  const { model, adapters, output, dtype, allow, quantized } = request;
  await assertNoOtherKind(output, "model");
  using base = await openBase(model);
  const plan = await planMerge(base, adapters, allow);
  assertPossible(base, plan, request);
  const forecast = await forecastMerge(base, plan, request);
  const reports = [...forecast.reports.values()];
  if (reports.length > 0) request.onForecast?.(reports);
  assertChosen(reports, request);
  const isFloat = base.quantized.size === 0 || quantized === "float";
  const dtypeOf = (key: string) => dtype ?? base.quantized.get(key);
  const tensors = isFloat
    ? tensorsOf(base.file, plan, dtypeOf)
    : storedTensors(base, plan, forecast);
  await saveMerged(base, plan, tensors, request);
  const reportOf = (key: string) => isFloat ? undefined : forecast.reports.get(key);
  return {
    weights: Array.from(plan.weights, ([key, change]) => reportOf(key) ?? measured(change)),
    taken: [...plan.saved.keys()].filter((key) => !plan.weights.has(key)),
    dtypes: isFloat ? dtypesOf(tensors) : ["4 bits"],
    passed: plan.passed,
  };
}

function tensorsOf(
  file: SafetensorsFile,
  { weights, saved }: Pick<MergePlan, "weights" | "saved">,
  dtypeOf: (key: string) => FloatDtype | undefined = () => undefined,
): Map<string, EncodedTensor> {
  const tensors = new Map<string, EncodedTensor>();
  for (const key of file.tensors.keys()) {
    const change = weights.get(key), values = saved.get(key);
    const source = { action: "cannot merge", file, key, dtype: dtypeOf(key) };
    tensors.set(key, change ? mergedTensor({ ...source, values }, change) : copiedTensor(source));
  }
  const [common] = dtypesOf(tensors) as FloatDtype[];
  for (const [key, tensor] of saved) {
    if (weights.has(key)) continue;
    const own = tensors.get(key)?.dtype as FloatDtype | undefined;
    tensors.set(key, replacedTensor(key, tensor, own ?? common));
  }
  return tensors;
}

/** The tensors of a base that stays in 4 bits, with the weights that were quantized again. */
function storedTensors(
  { stored }: BaseFile,
  { weights, saved }: MergePlan,
  { tensors: requantized }: QuantizedForecast,
): Map<string, EncodedTensor> {
  const others = new Map([...weights].filter(([key]) => !requantized.has(key)));
  const tensors = tensorsOf(stored, { weights: others, saved });
  for (const [key, tensor] of requantized) {
    for (const [part, encoded] of quantizedEntries(key, tensor)) tensors.set(part, encoded);
  }
  return tensors;
}

/** The types of floats that tensors have, the most frequent first. */
function dtypesOf(tensors: ReadonlyMap<string, EncodedTensor>): string[] {
  const groups = Map.groupBy(tensors.values(), ({ dtype }) => dtype);
  return [...groups].filter(([dtype]) => /F/.test(dtype))
    .sort(([, a], [, b]) => b.length - a.length).map(([dtype]) => dtype);
}

/** Saves what a merge has made beside the files that stay; a new head may rename tensors. */
async function saveMerged(
  base: BaseFile,
  plan: MergePlan,
  tensors: ReadonlyMap<string, EncodedTensor>,
  { model, output, dtype, quantized }: FolderMergeRequest,
): Promise<void> {
  const { config: whole, nameOf } = plan.head, isSame = whole === base.config;
  const config = quantized === "float" ? withoutQuantization(whole) : whole;
  const kept = [...tensors.keys()].filter((key) => nameOf(key) !== undefined);
  const origins = new Map(kept.map((key) => [nameOf(key)!, key]));
  const same = await readSmallFiles(model);
  await saveDerived(base, output, {
    tensors: new Map(Array.from(origins, ([name, key]) => [name, tensors.get(key)!])),
    config: dtype ? withDtype(config, dtype) : config,
    metadata: { ...promptMetadata(plan.promptFormat), ...mergedMetadata(plan.merged) },
    small: isSame ? same : withPadToken(same, config),
  }, (name) => origins.get(name)!);
}

function measured({ module, sums }: WeightChange): FolderMerge["weights"][number] {
  const [deltaNorm, weightNorm] = [Math.sqrt(sums.delta), Math.sqrt(sums.weight)];
  const survivingShare = sums.delta === 0 ? 1 : sums.kept / sums.delta;
  return { module, deltaNorm, weightNorm, relativeNorm: deltaNorm / weightNorm, survivingShare };
}
