/** Reads PEFT adapter folders. @module */

import { AdapterFileError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { assertOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { quote } from "../core/quote.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { cutSites, parseSites } from "./adapter_sites.ts";
import { openWeights, tensorPrefix } from "./adapter_weights.ts";
import { assertOwnConfig, mathematicsOf } from "./config_digest.ts";
import { type FloatDtype, floatDtypeOf } from "./dtype.ts";
import { parsePeftConfig, type PeftConfig, takeSavedModules } from "./peft_config.ts";
import { parsePromptFormat } from "./prompt_metadata.ts";
import { compileRules, readModule } from "./read_module.ts";
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
 * Reads a PEFT adapter folder: `adapter_config.json` and `adapter_model.safetensors`. It may be one of
 * the Hugging Face hub, `hf:OWNER/NAME[@REVISION]`.
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
  for (const name of names) saved.set(name, await file.read(tensorPrefix + name));
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
    if (!key.startsWith(tensorPrefix)) {
      throw new AdapterFileError(
        `tensor names must begin with "${tensorPrefix}", found ${quote(key)}`,
      );
    }
    const name = key.slice(tensorPrefix.length), match = /^(.+)\.lora_[AB]\.weight$/.exec(name);
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
