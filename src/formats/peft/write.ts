/** Writes PEFT adapter folders. @module */

import { quote, ShapeError } from "../../core/errors.ts";
import { moduleOf } from "../../core/module_names.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { siteName } from "../../core/update.ts";
import { jsonText, readText } from "../../storage/files.ts";
import { type FolderFile, saveFolder } from "../../storage/folder.ts";
import { fileIn, type Folder, folderName, hasFile, pathIn } from "../../storage/storage.ts";
import { assertNoOtherKind } from "../folder_kind.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import { safetensorsFile } from "../safetensors/write.ts";
import { quantizedBaseMetadata } from "./base_metadata.ts";
import { adapterCard, CARD_MARK } from "./card.ts";
import { joinTrained } from "./comparable.ts";
import { alphaOf, moduleSelector, parsePeftConfig, takeExtras } from "./config.ts";
import {
  configFile,
  factorKeys,
  isTable,
  otherFiles,
  ownKey,
  peftWeights,
  rowsKey,
  tensorPrefix,
} from "./keys.ts";
import {
  configMetadata,
  frozenMetadata,
  labelsMetadata,
  mathematicsOf,
  promptMetadata,
  startMetadata,
  withWholeHead,
} from "./metadata.ts";
import type { AdapterRecord, TrainedUpdate } from "./record.ts";
import { sitesMetadata } from "./sites.ts";

const card = "README.md";

/**
 * Saves the files of an adapter as a whole, and removes the weights and configurations of another one in the folder.
 *
 * @param files Makes them, once it is known that the folder may hold an adapter.
 * @throws {RangeError} when the folder holds a model.
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function saveAdapter(
  folder: string,
  files: () => Promise<readonly FolderFile[]>,
): Promise<void> {
  await assertNoOtherKind(folder, "adapter");
  const all = await files();
  await saveFolder(folder, all, () => otherFiles(all));
}

/** True if a folder has a card that Lowrank wrote: any other is somebody's work. */
async function hasOwnCard(folder: Folder): Promise<boolean> {
  if (!await hasFile(folder, card)) return false;
  // A README that is not text is not ours.
  const text = await readText(fileIn(folder, card)).catch(() => "");
  return text.includes(CARD_MARK);
}

/** The card of an adapter, unless the folder has one that Lowrank did not write. */
export async function cardFile(folder: Folder, content: string): Promise<FolderFile[]> {
  const isFree = !await hasFile(folder, card) || await hasOwnCard(folder);
  return isFree ? [{ name: card, content }] : [];
}

/** Content of an adapter's folder, for all methods, as a reader finds it. */
export interface AdapterContent {
  /** `adapter_config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Its tensors by their names in the file. */
  readonly tensors: Iterable<readonly [name: string, tensor: HostTensor]>;
  /** The `__metadata__` of the weights. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The text of its card. */
  readonly card: string;
  /** The name of the weights' file. Default: PEFT's. */
  readonly weightsFile?: string;
  /** Dtype of the weights in the file. Default F32. */
  readonly dtype?: FloatDtype;
}

/**
 * The files of an adapter's folder, the configuration last.
 *
 * @param folder The folder to be written; `[]` is memory.
 * @throws {RangeError} when a value is not finite in the file's dtype.
 */
export async function folderFiles(
  folder: Folder,
  { config, tensors, metadata, card, weightsFile = peftWeights, dtype }: AdapterContent,
): Promise<FolderFile[]> {
  const path = typeof folder === "string" ? pathIn(folder, weightsFile) : weightsFile;
  return [
    safetensorsFile(path, tensors, { dtype, metadata: { format: "pt", ...metadata } }),
    ...await cardFile(folder, card),
    { name: configFile, content: jsonText(config) },
  ];
}

/** Metadata that adapters of all methods may have. */
export const sharedMetadata = (
  { promptFormat, labels, quantizedBase }: Pick<
    AdapterRecord,
    "promptFormat" | "labels" | "quantizedBase"
  >,
): Record<string, string> => ({
  ...promptMetadata(promptFormat),
  ...labelsMetadata(labels),
  ...quantizedBaseMetadata(quantizedBase),
});

/**
 * Writes an adapter folder that PEFT loads: `adapter_model.safetensors`, `adapter_config.json` and a
 * `README.md`; a README that Lowrank did not write is kept. The folder is created if missing.
 *
 * The folder is saved as a whole: after a crash at any time, a reader finds the old adapter, the new one,
 * or no `adapter_config.json` and so an error. The weights' metadata has a digest of the configuration,
 * by which `readAdapter` recognizes files that do not belong together.
 *
 * Updates of several sites of a layer become one PEFT module (see `joinUpdates`) whose sites are
 * named in the file's metadata. The most common rank and α become `r` and `lora_alpha`; modules that
 * differ get exact patterns.
 *
 * @throws {RangeError} when there is no update, a site occurs twice, a module's name is not one line, a
 * scaling is not finite, `targetModules` misses a module, a value is not finite in the file's dtype,
 * `dropout` is outside [0, 1), or the folder holds a model, to which other programs would apply the adapter.
 * @throws {ShapeError} when A and B do not fit each other, or sites do not fit their weight.
 * @throws {Error} when a file cannot be written or the folder is being saved to already; the message
 * says what a reader finds: the older files unchanged, unless the disk fails repeatedly.
 *
 * @example
 * ```ts
 * import { writeAdapter } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const A = { shape: [4, 8], data: new Float32Array(32).fill(0.1) };
 * const B = { shape: [24, 4], data: new Float32Array(96) };
 * await writeAdapter(folder, {
 *   updates: [{ module: "transformer.h.0.attn.c_attn", A, B, scaling: 2 }],
 *   baseModelName: "gpt2",
 *   targetModules: ["c_attn"],
 *   fanInFanOut: true,
 * });
 * const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
 * console.log(config.r, config.lora_alpha); // 4 8
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeAdapter(folder: string, adapter: AdapterRecord): Promise<void> {
  await saveAdapter(folder, () => adapterFiles(folder, adapter));
}

/**
 * The files of {@link writeAdapter}, the configuration last.
 *
 * @param folder The folder to be written; `[]` is memory.
 *
 * @throws {RangeError} when `writeAdapter` would.
 * @throws {ShapeError} when `writeAdapter` would.
 */
export async function adapterFiles(
  folder: Folder,
  adapter: AdapterRecord,
): Promise<FolderFile[]> {
  return await folderFiles(folder, await loraContent(folder, adapter));
}

/**
 * Content of the folder of an adapter of low-rank updates.
 *
 * @throws {RangeError} As {@link writeAdapter}.
 * @throws {ShapeError} As {@link writeAdapter}.
 */
export async function loraContent(folder: Folder, adapter: AdapterRecord): Promise<AdapterContent> {
  const modules = joinModules(folder, adapter), config = configOf(modules, adapter);
  return {
    config,
    tensors: tensorsOf(modules, adapter),
    metadata: {
      ...sitesMetadata(adapter.updates),
      ...sharedMetadata(adapter),
      ...startMetadata(adapter.start),
      ...frozenMetadata(adapter.freezeA),
      ...await configMetadata(mathematicsOf(parsePeftConfig(takeExtras(config).rest))),
    },
    card: adapterCard(adapter, modules),
    dtype: adapter.dtype,
  };
}

/** Checks everything and joins the updates into one of all rows per module. */
function joinModules(folder: Folder, adapter: AdapterRecord): TrainedUpdate[] {
  try {
    checkAdapter(adapter);
    const modules = Map.groupBy(adapter.updates, ({ module }) => module);
    return [...modules.values()].map(joinTrained);
  } catch (error) {
    const Kind = error instanceof ShapeError ? ShapeError : RangeError;
    const { message } = error as Error;
    throw new Kind(`cannot write the adapter in ${folderName(folder)}: ${message}`, {
      cause: error,
    });
  }
}

function checkAdapter({ updates, targetModules, dropout = 0 }: AdapterRecord): void {
  if (updates.length === 0) throw new RangeError("it must have at least one update, found none");
  if (!(dropout >= 0 && dropout < 1)) {
    throw new RangeError(`dropout must be in [0, 1), found ${dropout}`);
  }
  for (const vector of ["magnitude", "bias"] as const) {
    const count = updates.filter((update) => update[vector]).length, all = updates.length;
    if (count === 0 || count === all) continue;
    throw new RangeError(`every update must have a ${vector}, or none, found ${count} of ${all}`);
  }
  const names = new Set<string>(), isSelected = moduleSelector({ targetModules });
  for (const update of updates) {
    const { module } = update, name = siteName(update);
    if (names.has(name)) throw new RangeError(`sites must be unique, found "${name}" twice`);
    names.add(name);
    // As in the reader's pattern, and in PEFT's, a dot is none of the characters that end a line.
    if (!/^.+$/.test(module)) {
      throw new RangeError(`a module's name must be one line of text, found ${quote(module)}`);
    }
    if (!isSelected(module)) {
      const found = JSON.stringify(targetModules);
      throw new RangeError(`targetModules must select "${module}", found ${found}`);
    }
  }
}

function* tensorsOf(
  modules: readonly TrainedUpdate[],
  { saved = new Map(), biases = new Map(), rows = new Map() }: AdapterRecord,
): Generator<[string, HostTensor]> {
  for (const { module, isEmbedding, A, B, bias, magnitude } of modules) {
    const path = `${tensorPrefix}${module}`, [keyA, keyB] = factorKeys(module, isEmbedding);
    yield [keyA, A];
    yield [keyB, B];
    if (bias) yield [`${path}.lora_B.bias`, bias];
    if (magnitude) yield [`${path}.lora_magnitude_vector`, magnitude];
  }
  const adapted = new Set(modules.map(({ module }) => module));
  for (const [name, tensor] of saved) yield [ownKey(name, adapted), tensor];
  for (const [name, tensor] of biases) yield [ownKey(name, adapted), tensor];
  for (const [module, { values }] of rows) yield [rowsKey(module), values];
}

/** The configuration with sorted keys, as PEFT writes it. */
function configOf(
  modules: readonly TrainedUpdate[],
  adapter: AdapterRecord,
): Record<string, unknown> {
  const { fanInFanOut = false, dropout = 0, taskType = "CAUSAL_LM" } = adapter;
  const ranks = modules.map(({ A }) => A.shape[0]), names = modules.map(({ module }) => module);
  const alphas = modules.map((update) => alphaOf(update));
  const r = mostCommon(ranks);
  const alpha = mostCommon(alphas);
  return {
    alpha_pattern: exceptions(names, alphas, alpha),
    base_model_name_or_path: adapter.baseModelName ?? null,
    bias: adapter.biasMode ?? "none",
    fan_in_fan_out: fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    ...modules.some(({ bias }) => bias) && { lora_bias: true },
    lora_dropout: dropout,
    modules_to_save: modulesOf(adapter),
    peft_type: "LORA",
    r,
    rank_pattern: exceptions(names, ranks, r),
    target_modules: [...new Set(adapter.targetModules ?? names)].sort(),
    task_type: taskType,
    ...tokensOf(adapter),
    use_dora: modules.some(({ magnitude }) => magnitude),
    use_rslora: false,
  };
}

/** The names of the modules that were trained in full, or null; PEFT would untie a table's head. */
function modulesOf(
  { saved = new Map<string, HostTensor>(), savedModules }: AdapterRecord,
): string[] | null {
  const modules = [...saved.keys()].filter((name) => !isTable(name)).map(moduleOf);
  const names = savedModules ?? withWholeHead(modules);
  return names.length === 0 ? null : [...new Set(names)];
}

/** The tokens whose rows were trained, by the embeddings. */
function tokensOf({ rows = new Map() }: AdapterRecord): Record<string, unknown> {
  const indices = [...rows].map(([module, { indices }]) => [module, indices] as const);
  return rows.size > 0 ? { trainable_token_indices: Object.fromEntries(indices) } : {};
}

/** The most frequent value; of several, the first. */
function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => next[1] > best[1] ? next : best)[0];
}

/** Patterns for the modules whose value is not the common one. */
function exceptions(names: string[], values: number[], common: number): Record<string, number> {
  const pairs = names.map((name, index): [string, number] => [exactPattern(name), values[index]]);
  return Object.fromEntries(
    pairs.filter(([, value]) => value !== common).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** A pattern that matches this name, but no other name that ends with it. */
function exactPattern(name: string): string {
  return "^" + name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
