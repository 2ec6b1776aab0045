/** Models without weights: from a name, a configuration, or the headers of a file. @module */

import {
  type Architecture,
  architectureOf,
  catalog,
  type ConfigJson,
  inferArchitecture,
  isBuffer,
} from "../architectures/mod.ts";
import { isText } from "../core/json.ts";
import { nearestName } from "../core/nearest_name.ts";
import { hasFile, kindOf } from "../core/storage.ts";
import { openSafetensors, readRemoteHeaders, type TensorEntry } from "../formats/mod.ts";
import { formatBytes } from "../figures/format.ts";
import { readConfigJson } from "../models/files.ts";

/** Where to find a model; exactly one of `model` and `url`. */
export interface ModelSource {
  /** A published model's name, a folder, a name on the hub, a `config.json`, or a safetensors file or index. */
  readonly model?: string;
  /** URL of a safetensors file, an index, or the folder of either. */
  readonly url?: string;
  /** Number of labels of a classifier that replaces the model's head. */
  readonly labels?: number;
}

/** What is known about a model. */
export interface CountedModel {
  /** Its layers, from its configuration or, without one, from the names of its tensors. */
  readonly architecture: Architecture;
  /** What its tensors' names leave in doubt; absent if a configuration was read. */
  readonly caveat?: string;
  /** A note on how much of a remote model was read. */
  readonly note?: string;
}

/** Finds the model and lists its layers; no weights are read. */
export async function countedModel(source: ModelSource): Promise<CountedModel> {
  const { url, labels } = source;
  if (url !== undefined) return await fromAddress(url, labels);
  const model = source.model!, config = await configOf(model);
  if (config) return fromConfig(config, labels);
  using file = await openSafetensors(model);
  return fromHeaders(file.tensors, labels);
}

async function fromAddress(url: string, labels?: number): Promise<CountedModel> {
  const { tensors, bytesRead, fileBytes } = await readRemoteHeaders(url);
  const note = `read ${bytesRead.toLocaleString("en-US")} bytes of ${formatBytes(fileBytes)}`;
  return { ...fromHeaders(tensors, labels), note };
}

function fromConfig(config: ConfigJson, labels?: number): CountedModel {
  const classifier = { architectures: ["ForSequenceClassification"], num_labels: labels };
  const changed = labels === undefined ? config : { ...config, ...classifier };
  return { architecture: architectureOf(changed) };
}

/** The configuration that a name, a file or a folder stands for; undefined if there are only headers. */
export async function configOf(model: string): Promise<ConfigJson | undefined> {
  if (/\.safetensors(\.index\.json)?$/.test(model)) return undefined;
  if (model.endsWith(".json")) return await readConfigJson(model);
  const found = await kindOf(model), isFolder = found === "folder";
  if (!isFolder && Object.hasOwn(catalog, model)) return catalog[model].config;
  if (await hasFile(model, "config.json")) return await readConfigJson(model);
  if (isFolder) return undefined;
  if (found) {
    throw new RangeError(
      `cannot read ${model}: it must be a folder, a .json or a .safetensors file, or a model's name`,
    );
  }
  return unknownModel(model, Object.keys(catalog));
}

function unknownModel(model: string, names: string[]): never {
  const longer = names.filter((name) => name.startsWith(model.toLowerCase()));
  const near = longer.length > 0 ? longer : [nearestName(model, names)].filter(isText);
  const hint = near.length > 0 ? `; did you mean ${near.join(" or ")}?` : "";
  throw new RangeError(
    `cannot read ${model}: it does not exist, and is none of the models known by name ` +
      `(${names.join(", ")})${hint}`,
  );
}

const guessed =
  "the headers name no architecture: which matrices are linear layers, and which are " +
  "embeddings or heads, is guessed from their names";

function fromHeaders(entries: ReadonlyMap<string, TensorEntry>, labels?: number): CountedModel {
  if (labels !== undefined) {
    throw new RangeError(
      "--labels needs a model's configuration, whose head it replaces, found the tensors of a file",
    );
  }
  const kept = [...entries].filter(([name]) => !isBuffer(name));
  for (const [name, { dtype }] of kept) {
    if (/^(BF|F)(16|32|64)$/.test(dtype)) continue;
    throw new RangeError(
      `${name} must hold floats of 16 bits or more to be counted, found ${dtype}: packed values are ` +
        "not parameters, so count the model's config.json",
    );
  }
  const tensors = kept.map(([name, { shape }]) => ({ name, shape }));
  return { architecture: inferArchitecture(tensors), caveat: guessed };
}

/**
 * The path or name of the model, given once, as an argument or as an option; undefined for a URL.
 *
 * @throws {RangeError} when none was given, or more than one.
 */
export function oneModel(
  command: string,
  models: readonly (string | undefined)[],
  url?: string,
): string | undefined {
  const given = [...models, url].filter((source) => source !== undefined);
  if (given.length === 1) return models.find((model) => model !== undefined);
  const ways = command === "count" ? " or by --url" : "";
  const found = given.length === 0 ? "none" : given.join(" and ");
  throw new RangeError(`${command} needs one model, by its name or path${ways}, found ${found}`);
}
