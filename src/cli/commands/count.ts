/** `lowrank count`. @module */

import type { ModuleCount } from "../../accounting/mod.ts";
import {
  type Architecture,
  architectureOf,
  catalog,
  type ConfigJson,
  inferArchitecture,
  isBuffer,
} from "../../architectures/mod.ts";
import { isText, nearestName } from "../../core/checks.ts";
import { listNames } from "../../core/module_names.ts";
import { grouped } from "../../core/numbers.ts";
import { formatBytes } from "../../figures/format.ts";
import { openSafetensors, readRemoteHeaders, type TensorEntry } from "../../formats/mod.ts";
import { readConfigJson } from "../../models/files.ts";
import type { MethodSpec } from "../../runs/mod.ts";
import { hasFile, kindOf } from "../../storage/storage.ts";
import { group, type LowrankCommand, option } from "../command.ts";
import { type CommonOptions, nearModel, note, print, table } from "../common.ts";
import { Argument, modelPath, positiveNumber } from "../options.ts";
import { methodOf, type MethodOptions, methodOptions } from "./train/method.ts";

/** The place of a model: exactly one of `model` and `url`. */
export interface ModelSource {
  /** A published model's name, a folder, a name on the hub, a `config.json`, or a safetensors file or index. */
  readonly model?: string;
  /** URL of a safetensors file, an index, or the folder of either. */
  readonly url?: string;
  /** Number of labels of a classifier that replaces the model's head. */
  readonly labels?: number;
}

/** A model of which parameters are counted. */
export interface CountedModel {
  /** Its layers, from its configuration or, without one, from the names of its tensors. */
  readonly architecture: Architecture;
  /** The doubt that its tensors' names leave; absent if a configuration was read. */
  readonly caveat?: string;
  /** A note on how much of a remote model was read. */
  readonly note?: string;
}

/** Finds the model and lists its layers; no weights are read. */
async function countedModel(source: ModelSource): Promise<CountedModel> {
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
  return await unknownModel(model, Object.keys(catalog));
}

async function unknownModel(model: string, names: string[]): Promise<never> {
  const longer = names.filter((name) => name.startsWith(model.toLowerCase()));
  const near = longer.length > 0
    ? longer
    : [nearestName(model, names) ?? await nearModel(model)].filter(isText);
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

interface CountOptions extends CommonOptions, MethodOptions {
  readonly model?: string;
  readonly url?: string;
  readonly labels?: number;
}

/** Imported only by this command's action, as it loads mathjs. */
type Accounting = typeof import("../../accounting/mod.ts");

const help = `
A model is given by its name (gpt2 … gpt2-xl, gpt3-small … gpt3-175b, t5-base,
…), by its name on the Hugging Face hub (hf:OWNER/NAME), or by the path of a
folder, a config.json, or a safetensors file or index.
Only the headers of safetensors files are read.

JSON: {"total", "trainable", "percent", "byModule"}, and "caveat" where all
linear layers are adapted and only their names say which they are.`;

/** Counts a model's parameters and those that a method trains. */
export const countCommand: LowrankCommand = {
  name: "count",
  summary: "count a model's parameters and those that a method trains",
  arguments: [
    new Argument("[model]", "name, folder, config.json, safetensors or GGUF file")
      .argParser(modelPath),
  ],
  options: [
    ...group("The model:", [
      option("--model <path>", "the model, instead of the argument", modelPath),
      option("--url <url>", "safetensors file, index or folder; only headers are downloaded"),
      option("--labels <n>", "count with a classifier head of n labels", positiveNumber),
    ]),
    ...methodOptions(),
  ],
  permissions: ({ url }) => [url === undefined ? "read" : "net"],
  help,
  example: "count gpt2 --rank 4",
  run,
};

async function run(argument: string | undefined, options: CountOptions): Promise<void> {
  const model = oneModel("count", [argument, options.model], options.url);
  const method = methodOf(options), lora = method.kind === "lora" ? method : undefined;
  const { architecture, note: read, caveat } = await countedModel({ ...options, model });
  if (read) note(options, read);
  const accounting = await import("../../accounting/mod.ts");
  const byModule = accounting.countModules(architecture, method);
  const total = sumOf(byModule, "parameters"), trainable = sumOf(byModule, "trainable");
  if (total === 0) throw new RangeError("counting needs a model with parameters, found none");
  const percent = 100 * trainable / total;
  const lines = [
    moduleTable(byModule),
    "",
    `trainable params: ${grouped(trainable)} || all params: ${grouped(total)} || trainable%: ${
      percent.toFixed(4)
    }`,
    ...(lora
      ? [ofBase(trainable, sumOf(accounting.countModules(architecture), "parameters"))]
      : []),
    fileSizes(accounting, trainable, total),
    ...(lora ? [] : defaultPerRank(accounting, architecture)),
  ];
  const doubt = caveat !== undefined && takesAll(method) ? { caveat } : {};
  const document = { total, trainable, percent, byModule, ...doubt };
  print(options, document, () => [...lines, ...Object.values(doubt)].join("\n"));
}

/** The share that training announces, which is of the base alone. */
const ofBase = (trainable: number, base: number): string =>
  "all params, as in PEFT, are the adapter's and the model's: of the model's own " +
  `${grouped(base)} it trains ${(100 * trainable / base).toPrecision(3)}%`;

/** True if a method adapts every linear layer that there is. */
const takesAll = (method: MethodSpec): boolean =>
  method.kind === "lora" && (method.targetModules === "all-linear" || method.sites === "all");

const sumOf = <Key extends string>(rows: readonly Record<Key, number>[], key: Key): number =>
  rows.reduce((sum, row) => sum + row[key], 0);

/** One row for all modules that differ only in the layer's number. */
function moduleTable(modules: readonly ModuleCount[]): string {
  const groups = Map.groupBy(
    modules,
    ({ name, parameters, trainable }) =>
      `${name.replace(/\.\d+\./, ".#.")} ${parameters} ${trainable}`,
  );
  const rows = Array.from(groups.values(), (group) => ({ ...group[0], group }));
  return table(rows, [
    ["module", ({ group }) => listNames(group.map(({ name }) => name))],
    ["modules", ({ group }) => group.length],
    ["parameters of each", ({ parameters }) => parameters],
    ["trainable", ({ trainable }) => trainable],
  ]);
}

/** File sizes of what is trained, and of the whole model, at two and at four bytes per value. */
function fileSizes({ evaluateFormula }: Accounting, trainable: number, total: number): string {
  const [trained, all] = [trainable, total].map((P) =>
    [2, 4].map((beta) => formatBytes(Number(evaluateFormula("checkpointBytes", { P, beta }))))
  );
  return `trained values on disk: ${trained[0]} in F16 or BF16, ${trained[1]} in F32; ` +
    `all values: ${all.join(" and ")}`;
}

/** The parameters of LoRA per rank, on the modules that PEFT adapts by default. */
function defaultPerRank({ loraCounts }: Accounting, model: Architecture): string[] {
  const targetModules = model.peftTargets;
  if (targetModules.length === 0) return [];
  const each = sumOf(loraCounts(model, 1, { targetModules }), "parameters");
  return [
    `LoRA on ${targetModules.join(", ")} (PEFT's default): ${grouped(each)} parameters per rank`,
  ];
}
