/** Merging adapters into the files of a model, which need not be one that runs. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { jsonText, prepareFolder, readBytes, readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { type FolderFile, saveFolder } from "../core/save_folder.ts";
import { sizeOf } from "../core/shape.ts";
import { fileIn } from "../core/storage.ts";
import { assertOwnConfig, configMetadata } from "../formats/config_digest.ts";
import { assertNoOtherKind } from "../formats/folder_kind.ts";
import { bitsOf } from "../formats/dtype.ts";
import type { EncodedTensor } from "../formats/encoded_tensor.ts";
import { mergedMetadata } from "../formats/merged_metadata.ts";
import type { AdapterException, FloatDtype } from "../formats/mod.ts";
import { promptMetadata } from "../formats/prompt_metadata.ts";
import { isSharded, parseWeightMap, shardFilesIn, shardIndex } from "../formats/shards.ts";
import { safetensorsFile } from "../formats/write_safetensors.ts";
import { type BaseFile, openBase } from "../models/base_file.ts";
import { withPadToken } from "../models/pad_token.ts";
import { mathematicsOfModel } from "../models/registry.ts";
import { withDtype } from "../models/save_model.ts";
import { readSmallFiles, smallFiles } from "../models/small_files.ts";
import { copiedTensor, mergedTensor, replacedTensor, type WeightChange } from "./merge_blocks.ts";
import { type MergePlan, planMerge } from "./merge_plan.ts";
import type { MergedWeight } from "./merge_report.ts";

/** What {@link mergeFolder} has done. */
export interface FolderMerge {
  /** Each merged weight, in the order of the adapters. */
  readonly weights: readonly Omit<MergedWeight, "extraBytes">[];
  /** Tensors that were taken from adapters as they are, by their names: biases, norms, whole blocks, a head. */
  readonly taken: readonly string[];
  /** How the merged model's floats are stored, the most frequent type first. */
  readonly dtypes: readonly string[];
  /** What was let pass in the adapters. */
  readonly passed: readonly string[];
}

/** What {@link mergeFolder} reads and writes. */
export interface FolderMergeRequest {
  /** The base model's Hugging Face folder, of any family, whole or sharded. */
  readonly model: string;
  /** PEFT folders. */
  readonly adapters: readonly string[];
  /** The folder to write. */
  readonly output: string;
  /** Type of all floats. Default: each tensor keeps its own. */
  readonly dtype?: FloatDtype;
  /** What may pass in the adapters. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}

/** A file of weights that is to be written, with the tensors that it has. */
interface WeightsFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, EncodedTensor>;
}

/**
 * Writes a Hugging Face folder whose weights are W + Σ s B A (Hu et al. 2021, section 4.1) or, with DoRA,
 * W + Σ (m V / ‖V‖ − W) with V = W + s B A, and b + s · bias for biases of B, without a forward pass, in shards
 * like the base's. The `config.json` stays as it is, byte for byte, unless the type or the head changes, and
 * so do the tokenizer's files, unless a new classifier's needs a padding token. The folder is saved as a whole.
 *
 * Memory: the adapters in F32, VeRA's factors of one weight, and blocks of a quarter of a million values, however
 * large the model is.
 *
 * @throws {AdapterFileError} when an adapter cannot be read.
 * @throws {RangeError} when the base has no weight that fits an update, a value is not finite, the base
 * contains an adapter already, or the output folder holds an adapter.
 */
export async function mergeFolder(
  { model, adapters, output, dtype, allow }: FolderMergeRequest,
): Promise<FolderMerge> {
  await assertNoOtherKind(output, "model");
  using base = await openBase(model);
  const plan = await planMerge(base, adapters, allow), metadata = await metadataOf(base, plan);
  const tensors = tensorsOf(base, plan, dtype), files = await weightsFiles(base, tensors, plan);
  const same = await readSmallFiles(model), isSame = plan.head.config === base.config;
  const small = isSame ? same : withPadToken(same, plan.head.config);
  const config = await configFile(base, plan, dtype);
  const contents = [
    ...files.map(({ name, tensors }) =>
      safetensorsFile(fileIn(output, name), tensors, { metadata })
    ),
    ...await indexFile(base, files),
    ...Object.entries(small).map(([name, content]): FolderFile => ({ name, content })),
    ...config,
  ];
  const names = new Set(contents.map(({ name }) => name));
  await prepareFolder(output);
  await saveFolder(output, contents, async () => {
    const old = [...smallFiles, "model.safetensors", ...await shardFilesIn(output)];
    return old.filter((name) => !names.has(name));
  });
  return {
    weights: Array.from(plan.weights.values(), measured),
    taken: [...plan.saved.keys()].filter((key) => !plan.weights.has(key)),
    dtypes: dtypesOf(tensors),
    passed: plan.passed,
  };
}

function tensorsOf(
  { file }: BaseFile,
  { weights, saved }: MergePlan,
  dtype?: FloatDtype,
): Map<string, EncodedTensor> {
  const tensors = new Map<string, EncodedTensor>();
  for (const key of file.tensors.keys()) {
    const change = weights.get(key), source = { file, key, dtype, values: saved.get(key) };
    tensors.set(key, change ? mergedTensor(source, change) : copiedTensor({ file, key, dtype }));
  }
  const [common] = dtypesOf(tensors) as FloatDtype[];
  for (const [key, tensor] of saved) {
    if (weights.has(key)) continue;
    const own = tensors.get(key)?.dtype as FloatDtype | undefined;
    tensors.set(key, replacedTensor(key, tensor, own ?? common));
  }
  return tensors;
}

/** The types of floats that tensors have, the most frequent first. */
function dtypesOf(tensors: ReadonlyMap<string, EncodedTensor>): string[] {
  const groups = Map.groupBy(tensors.values(), ({ dtype }) => dtype);
  return [...groups].filter(([dtype]) => /F/.test(dtype))
    .sort(([, a], [, b]) => b.length - a.length).map(([dtype]) => dtype);
}

/** The tensors by the files that they were in; a new head is in the last one. */
async function weightsFiles(
  { folder }: BaseFile,
  tensors: ReadonlyMap<string, EncodedTensor>,
  { head: { nameOf } }: MergePlan,
): Promise<WeightsFile[]> {
  const isWhole = !await isSharded(folder), index = fileIn(folder, shardIndex);
  const { places, shards } = isWhole
    ? { places: new Map<string, string>(), shards: ["model.safetensors"] }
    : parseWeightMap(shardIndex, await readJson(index));
  const kept = [...tensors].filter(([key]) => nameOf(key) !== undefined);
  const byFile = Map.groupBy(kept, ([key]) => places.get(key) ?? shards[shards.length - 1]);
  return Array.from(byFile, ([name, tensors]) => ({
    name,
    tensors: new Map(tensors.map(([key, tensor]) => [nameOf(key)!, tensor])),
  }));
}

/** The index of a sharded base, with the sizes and the tensors of the merged model. */
async function indexFile(
  { folder }: BaseFile,
  files: readonly WeightsFile[],
): Promise<FolderFile[]> {
  if (!await isSharded(folder)) return [];
  const index = await readJson(fileIn(folder, shardIndex)) as ConfigJson;
  const places = files.flatMap(({ name, tensors }) =>
    Array.from(tensors.keys(), (key) => [key, name])
  );
  const total_size = files.flatMap(({ tensors }) => Array.from(tensors.values(), bytesOf))
    .reduce((sum, bytes) => sum + bytes, 0);
  const metadata = { ...isRecord(index.metadata) ? index.metadata : {}, total_size };
  const weight_map = Object.fromEntries(places.sort(([a], [b]) => a < b ? -1 : 1));
  return [{ name: shardIndex, content: jsonText({ ...index, metadata, weight_map }) }];
}

const bytesOf = ({ shape, dtype }: EncodedTensor): number => sizeOf(shape) * bitsOf(dtype) / 8;

/** The base's metadata, with the adapters, their prompts and the digest of the configuration. */
async function metadataOf(
  { file, config }: BaseFile,
  plan: MergePlan,
): Promise<Record<string, string>> {
  const [before, after] = [config, plan.head.config].map(mathematicsIfKnown);
  if (before) await assertOwnConfig(file.metadata, "config.json", before);
  return {
    format: "pt",
    ...file.metadata,
    ...after && await configMetadata(after),
    ...promptMetadata(plan.promptFormat),
    ...mergedMetadata(plan.merged),
  };
}

/** What determines the results of a model that runs here; no other needs a digest. */
function mathematicsIfKnown(config: ConfigJson): ConfigJson | undefined {
  try {
    return mathematicsOfModel(config);
  } catch {
    return undefined;
  }
}

/** The configuration, which comes last: no reader takes a folder without it. */
async function configFile(
  { folder, config }: BaseFile,
  plan: MergePlan,
  dtype?: FloatDtype,
): Promise<FolderFile[]> {
  const name = "config.json";
  if (Object.keys(config).length === 0) return [];
  if (!dtype && plan.head.config === config) {
    return [{ name, content: await readBytes(fileIn(folder, name)) }];
  }
  return [{
    name,
    content: jsonText(dtype ? withDtype(plan.head.config, dtype) : plan.head.config),
  }];
}

function measured({ module, sums }: WeightChange): FolderMerge["weights"][number] {
  const [deltaNorm, weightNorm] = [Math.sqrt(sums.delta), Math.sqrt(sums.weight)];
  const survivingShare = sums.delta === 0 ? 1 : sums.kept / sums.delta;
  return { module, deltaNorm, weightNorm, relativeNorm: deltaNorm / weightNorm, survivingShare };
}
