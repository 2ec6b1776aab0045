/** Reads PEFT adapter folders. @module */

import { AdapterFileError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { assertUpdate, type LowRankUpdate } from "../core/low_rank_update.ts";
import { assertOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { quote } from "../core/quote.ts";
import { formatShape } from "../core/shape.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { cutSites, parseSites } from "./adapter_sites.ts";
import { assertOwnConfig, mathematicsOf } from "./config_digest.ts";
import { openWeights, PREFIX } from "./adapter_weights.ts";
import { type FloatDtype, floatDtypeOf } from "./dtype.ts";
import { parsePeftConfig, type PeftConfig, takeSavedModules } from "./peft_config.ts";
import { moduleSelector, type PatternValue, patternValues } from "./peft_patterns.ts";
import { parsePromptFormat } from "./prompt_metadata.ts";
import { readNames, type ReadOptions, type SafetensorsFile } from "./safetensors.ts";

/** A PEFT adapter as a record. */
export interface PeftAdapter {
  /** The parsed `adapter_config.json`. */
  readonly config: PeftConfig;
  /**
   * In the order of layer numbers: an update for each site if the file names a module's sites (as files
   * written by Lowrank do), else one update of all rows for the module.
   */
  readonly updates: readonly LowRankUpdate[];
  /** Tensors of fully trained modules (`modules_to_save`) that were read, by their names in the model. */
  readonly saved: ReadonlyMap<string, HostTensor>;
  /** Tensors of fully trained modules which were not read. */
  readonly leftOut: readonly string[];
  /** How its file stores values; F32 if tensors differ. */
  readonly dtype: FloatDtype;
  /** How the prompts of its training were written, if the file says so. */
  readonly promptFormat?: PromptFormat;
}

/** Options of {@link readAdapter}. */
export interface ReadAdapterOptions extends ReadOptions {
  /** Read only the updates: fully trained modules are left out instead of refused. Default false. */
  readonly updatesOnly?: boolean;
  /** Read fully trained modules too instead of refusing them. Default false. */
  readonly withSaved?: boolean;
}

/**
 * Reads a PEFT adapter folder: `adapter_config.json` and `adapter_model.safetensors`.
 *
 * Ranks and scalings follow `r`, `lora_alpha`, `use_rslora`, `rank_pattern` and `alpha_pattern`.
 * Weights that the configuration does not select, tensors that are not part of a pair of A and B, and
 * settings that change the mathematics but are not implemented are refused, never ignored. The only
 * exception must be requested: `updatesOnly` leaves out fully trained modules, and names them.
 *
 * @throws {AdapterFileError} when the folder is incomplete, broken, or has settings that are not
 * supported, or values that are NaN, infinite or beyond F32 and not allowed; the message names the
 * field or tensor, the rule and the value found.
 *
 * @example
 * ```ts
 * import { readAdapter, writeAdapter } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const A = { shape: [1, 3], data: Float32Array.of(1, 2, 3) };
 * const B = { shape: [2, 1], data: Float32Array.of(1, -1) };
 * await writeAdapter(folder, { updates: [{ module: "layer.0.query", A, B, scaling: 2 }] });
 * const { updates } = await readAdapter(folder);
 * console.log(updates[0].module, updates[0].scaling); // layer.0.query 2
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readAdapter(
  folder: Folder,
  options: ReadAdapterOptions = {},
): Promise<PeftAdapter> {
  assertOptions("readAdapter", options, { ...readNames, updatesOnly: true, withSaved: true });
  const { updatesOnly = false, withSaved = false, ...reading } = options;
  try {
    const json = await readJson(fileIn(folder, "adapter_config.json"));
    const { rest, saved } = updatesOnly || withSaved
      ? takeSavedModules(json)
      : { rest: json, saved: [] };
    const config = parsePeftConfig(rest), rules = compileRules(config);
    using file = await openWeights(folder, reading);
    await assertOwnConfig(file.metadata, "adapter_config.json", mathematicsOf(config));
    const updates = [], { paths, others } = modulePaths(file, saved);
    for (const path of paths) updates.push(await readModule(file, config, rules, path));
    return {
      config,
      updates: cutNamed(updates, file.metadata),
      saved: withSaved ? await readSaved(file, others) : new Map(),
      leftOut: withSaved ? [] : others,
      dtype: floatDtypeOf(file.tensors.values()),
      promptFormat: parsePromptFormat(file.metadata),
    };
  } catch (error) {
    const { message, cause } = error as Error;
    // The message already says what the error did: Deno would print it a second time as the cause.
    throw new AdapterFileError(`cannot read the adapter in ${folderName(folder)}: ${message}`, {
      cause,
    });
  }
}

async function readSaved(
  file: SafetensorsFile,
  names: readonly string[],
): Promise<Map<string, HostTensor>> {
  const saved = new Map<string, HostTensor>();
  for (const name of names) saved.set(name, await file.read(PREFIX + name));
  return saved;
}

/** Layers in the order of their numbers: `h.2` before `h.10`. */
const inOrder = (names: Iterable<string>): string[] =>
  Array.from(names, (name) => ({ name, key: name.replaceAll(/\d+/g, (n) => n.padStart(9, "0")) }))
    .sort((a, b) => a.key < b.key ? -1 : Number(a.key > b.key))
    .map(({ name }) => name);

/** The modules of the file, each once; throws for a tensor name that it does not understand. */
function modulePaths(file: SafetensorsFile, saved: readonly string[]) {
  const paths = new Set<string>(), others: string[] = [];
  for (const key of file.tensors.keys()) {
    if (!key.startsWith(PREFIX)) {
      throw new AdapterFileError(`tensor names must begin with "${PREFIX}", found ${quote(key)}`);
    }
    const name = key.slice(PREFIX.length), match = /^(.+)\.lora_[AB]\.weight$/.exec(name);
    if (match) paths.add(match[1]);
    else if (isOfSaved(name, saved)) others.push(name);
    else throw new AdapterFileError(`${ruleFor(key)}, found ${quote(key)}`);
  }
  if (paths.size === 0) {
    throw new AdapterFileError("the file must hold at least one pair of A and B, found no tensor");
  }
  return { paths: inOrder(paths), others };
}

/** PEFT's rule: the path of a fully saved module ends with one of the names. */
function isOfSaved(tensor: string, saved: readonly string[]): boolean {
  return !tensor.includes(".lora_") && saved.some((name) => tensor.includes(`${name}.`));
}

/** Cuts the modules whose sites the metadata names, after checking the metadata. */
function cutNamed(
  updates: readonly LowRankUpdate[],
  metadata: Readonly<Record<string, string>>,
): LowRankUpdate[] {
  const named = parseSites(metadata), modules = new Set(updates.map(({ module }) => module));
  const unknown = [...named.keys()].find((module) => !modules.has(module));
  if (unknown !== undefined) {
    throw new AdapterFileError(
      `sites must be of modules in the file, found sites of ${quote(unknown)}`,
    );
  }
  return updates.flatMap((update) => {
    const sites = named.get(update.module);
    return sites ? cutSites(update, sites) : [update];
  });
}

function ruleFor(key: string): string {
  if (/\.lora_embedding_[AB]$/.test(key)) return "adapters of embeddings are not implemented";
  if (/\.lora_B\.bias$/.test(key)) return "biases of B are not implemented";
  if (/\.lora_magnitude_vector/.test(key)) return "DoRA is not implemented";
  return "every tensor must be some module's lora_A.weight or lora_B.weight";
}

/** The patterns of a configuration, compiled once for all modules. */
interface Rules {
  readonly selects: (module: string) => boolean;
  readonly rankOf: PatternValue;
  readonly alphaOf: PatternValue;
}

function compileRules(config: PeftConfig): Rules {
  return {
    selects: moduleSelector(config),
    rankOf: patternValues(config.rankPattern, "rank_pattern"),
    alphaOf: patternValues(config.alphaPattern, "alpha_pattern"),
  };
}

async function readModule(
  file: SafetensorsFile,
  config: PeftConfig,
  { selects, rankOf, alphaOf }: Rules,
  module: string,
): Promise<LowRankUpdate> {
  if (!selects(module)) {
    const targets = quote(config.targetModules ?? null);
    throw new AdapterFileError(
      `the configuration must select every module that has weights, found ${quote(module)} with ` +
        `target_modules ${targets}`,
    );
  }
  const rank = rankOf(module) ?? config.rank;
  const alpha = alphaOf(module) ?? config.alpha;
  const A = await readMatrix(file, module, "A", rank);
  const B = await readMatrix(file, module, "B", rank);
  const update = {
    module,
    A,
    B,
    scaling: alpha / (config.rankStabilized ? Math.sqrt(rank) : rank),
  };
  assertUpdate(update);
  return update;
}

/** Reads A `(rank, in)` or B `(out, rank)`; the shape is checked before a value is read. */
async function readMatrix(
  file: SafetensorsFile,
  module: string,
  letter: "A" | "B",
  rank: number,
): Promise<HostTensor> {
  const key = `${PREFIX}${module}.lora_${letter}.weight`;
  const entry = file.tensors.get(key);
  if (!entry) throw new AdapterFileError(`A and B must come in pairs, found no ${quote(key)}`);
  const { shape, dtype } = entry;
  if (shape.length !== 2 || shape[letter === "A" ? 0 : 1] !== rank) {
    const rule = letter === "A" ? `(${rank}, in)` : `(out, ${rank})`;
    throw new AdapterFileError(
      `${quote(key)} must have shape ${rule}, found ${formatShape(shape)}`,
    );
  }
  if (!["F32", "F16", "BF16", "F64"].includes(dtype)) {
    throw new AdapterFileError(`${quote(key)} must hold real numbers, found ${dtype}`);
  }
  return await file.read(key);
}
