/** Models whose weights are not needed: a name, a configuration, or headers. @module */

import { join } from "node:path";
import {
  type Architecture,
  architectureOf,
  catalogue,
  type ConfigJson,
  inferArchitecture,
  isBuffer,
} from "../architectures/mod.ts";
import { hasFile, kindOf } from "../core/storage.ts";
import { openSafetensors, readRemoteHeaders, type TensorEntry } from "../formats/mod.ts";
import { formatBytes } from "../figures/format.ts";
import { readConfigJson } from "../models/files.ts";

/** Where a model is found; one of the two. */
export interface ModelSource {
  /** A published model's name, a folder, a `config.json`, or a safetensors file or index. */
  readonly model?: string;
  /** Address of a safetensors file, an index, or the folder of either. */
  readonly url?: string;
  /** Labels of a classifier that takes the place of the model's head. */
  readonly labels?: number;
}

/** What is known of a model. */
export interface CountedModel {
  /** Its layers, by its configuration or, where there is none, by the names of its tensors. */
  readonly architecture: Architecture;
  /** What was read of a remote model, for people. */
  readonly note?: string;
}

/** Finds the model and lists its layers; no values are read. */
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

/** The configuration of a name, a file or a folder; undefined where there are headers only. */
export async function configOf(model: string): Promise<ConfigJson | undefined> {
  if (/\.safetensors(\.index\.json)?$/.test(model)) return undefined;
  if (model.endsWith(".json")) return await readConfigJson(model);
  const found = await kindOf(model), isFolder = found === "folder";
  if (!isFolder && Object.hasOwn(catalogue, model)) return catalogue[model].config;
  if (await hasFile(model, "config.json")) return await readConfigJson(join(model, "config.json"));
  if (isFolder) return undefined;
  if (found) {
    throw new RangeError(
      `cannot read ${model}: it must be a folder, a .json or a .safetensors file, or a model's name`,
    );
  }
  return unknownModel(model, Object.keys(catalogue));
}

function unknownModel(model: string, names: string[]): never {
  throw new RangeError(
    `cannot read ${model}: it does not exist, and is none of the models known by name ` +
      `(${names.join(", ")})`,
  );
}

function fromHeaders(entries: ReadonlyMap<string, TensorEntry>, labels?: number): CountedModel {
  if (labels !== undefined) {
    throw new RangeError("labels replace a head in a configuration, found the tensors of a file");
  }
  const kept = [...entries].filter(([name]) => !isBuffer(name));
  for (const [name, { dtype }] of kept) {
    if (/^(BF|F)(16|32|64)$/.test(dtype)) continue;
    throw new RangeError(
      `${name} must hold floats of 16 bits or more to be counted, found ${dtype}: packed values are ` +
        "not parameters, so count the model's config.json",
    );
  }
  return { architecture: inferArchitecture(kept.map(([name, { shape }]) => ({ name, shape }))) };
}

/**
 * The path or name of the model, given once and as an argument or an option; undefined for an address.
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
