/** The `adapter_config.json` of a PEFT LoRA adapter: every field is honored or refused. @module */

import { isRecord, isText } from "../../core/checks.ts";
import { AdapterFileError, oneLine, quote } from "../../core/errors.ts";
import type { HostTensor } from "../../core/tensor.ts";
import type { LowRankFactors } from "../../core/update.ts";
import { Effort } from "../../patterns/matcher.ts";
import { compilePattern, targetTest } from "../../patterns/names.ts";
import type { Json } from "../safetensors/header.ts";

/** True if a configuration is the library's, or ours for it. */
export const isHubConfig = ({ config, name }: Json): boolean => isRecord(config) && isText(name);

/** The library's name for the method of such a configuration: `bottleneck` where it has none. */
export function hubMethod({ config }: Json): unknown {
  const { architecture } = isRecord(config) ? config : {};
  return architecture ?? "bottleneck";
}

/** Throws an {@link AdapterFileError} that names a field, its rule and its value. */
export function refuse(what: string, rule: string, value: unknown): never {
  throw new AdapterFileError(`${oneLine(what)} must ${rule}, found ${quote(value)}`);
}

/** A number, if it is present: null is none, and PEFT cannot compute with it. */
export function number(
  json: Json,
  name: string,
  rule: string,
  check: (value: unknown) => value is number,
): number | undefined {
  if (json[name] === null) refuse(name, rule, null);
  return field(json, name, rule, check);
}

/** A field's value, if it is present and not null. */
export function field<T>(
  json: Json,
  name: string,
  rule: string,
  check: (value: unknown) => value is T,
): T | undefined {
  const value = Object.hasOwn(json, name) ? json[name] ?? undefined : undefined;
  return value === undefined || check(value) ? value : refuse(name, rule, value);
}

/** A field that is true or false, the default. */
export function flag(json: Json, name: string): boolean {
  return field(json, name, "be true or false", (value) => typeof value === "boolean") ?? false;
}

/** A list, also of one value that stands by itself. */
export function list<T>(value: T | readonly T[] | undefined): readonly T[] | undefined {
  return value === undefined || Array.isArray(value) ? value as readonly T[] : [value as T];
}

/** A finite number. */
export const isFinite = (value: unknown): value is number => Number.isFinite(value);

/** A whole number from 1. */
export const isRank = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0;

/** A number in [0, 1). */
export const isShare = (value: unknown): value is number =>
  isFinite(value) && value >= 0 && value < 1;

/** A name, or a list of names. */
export const isNames = (value: unknown): value is string | string[] =>
  isText(value) || (Array.isArray(value) && value.every(isText));

/** A whole number, or a list of them. */
const isIndices = (value: unknown): value is number | number[] =>
  [value].flat().every((item) => Number.isSafeInteger(item));

/** An object whose values pass a check. */
const isMapOf =
  <T>(check: (value: unknown) => value is T) => (value: unknown): value is Record<string, T> =>
    isRecord(value) && Object.values(value).every(check);

/** True if a value is null, false, or empty. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) ? Object.keys(value).length === 0 : !value && value !== 0;
}

/** Fields of a PEFT configuration that determine the mathematics of an adapter. */
export interface PeftConfig extends ModuleSelection {
  /** `r`, the rank where no pattern applies. */
  readonly rank: number;
  /** `lora_alpha`, where no pattern applies. */
  readonly alpha: number;
  /** `use_rslora`: the scaling is α/√r and not α/r. */
  readonly rankStabilized: boolean;
  /** `rank_pattern`: ranks by a regular expression for the end of a module's name. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** `alpha_pattern`: the same for alpha, matched independently. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** `fan_in_fan_out`: base weights are stored `(in, out)`; trust the layer's type, not this. */
  readonly fanInFanOut: boolean;
  /** `lora_dropout`, which only applies in training. */
  readonly dropout: number;
  /** `base_model_name_or_path`. */
  readonly baseModelName?: string;
  /** `task_type`, for example `CAUSAL_LM`. */
  readonly taskType?: string;
}

/** Fields that say what was trained beside A and B, of which the updates know nothing. */
const BESIDE: Readonly<Record<string, string>> = {
  lora_bias: "biases of B",
  use_dora: "DoRA",
  modules_to_save: "fully trained modules",
  trainable_token_indices: "trained tokens",
};

/** Fields that change what an adapter computes in ways that are not implemented. */
const REFUSED: Readonly<Record<string, string>> = {
  target_parameters: "adapters of raw parameters",
  layer_replication: "replicated layers",
  use_qalora: "QA-LoRA",
  alora_invocation_tokens: "activated LoRA",
  use_bdlora: "block-diagonal LoRA",
  arrow_config: "Arrow",
  kasa_config: "KaSA",
  velora_config: "VeLoRA",
  monteclora_config: "MonteCLoRA",
};

/** Fields of PEFT's configurations of every method, which say nothing about what was trained. */
export const ofEveryMethod: readonly string[] = [
  ...["peft_type", "task_type", "base_model_name_or_path", "revision"],
  ...["auto_mapping", "inference_mode", "peft_version"],
];

/** Fields that do not matter once the weights exist, or that {@link parsePeftConfig} reads. */
const KNOWN = new Set([
  ...ofEveryMethod,
  ...["r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "bias"],
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"],
  ...["fan_in_fan_out", "lora_dropout", "init_lora_weights", "loftq_config", "eva_config"],
  ...["corda_config", "lora_ga_config", "megatron_config", "megatron_core"],
  ...["ensure_weight_tying", "qalora_group_size"],
]);

/** Initializations that leave the base weights as they are; PiSSA and the like change them. */
const INITIALIZATIONS: readonly unknown[] = [
  true,
  false,
  null,
  undefined,
  "gaussian",
  "eva",
  "orthogonal",
];

/**
 * Reads the parsed `adapter_config.json` and refuses what is not supported.
 *
 * @throws {AdapterFileError} when a field has the wrong type, asks for something that is not
 * implemented, or is unknown and not null, false or empty.
 *
 * @example
 * ```ts
 * import { parsePeftConfig } from "@lowrank/core/formats";
 *
 * const { rank, alpha } = parsePeftConfig({ peft_type: "LORA", r: 4, lora_alpha: 32 });
 * console.log(alpha / rank); // 8
 * ```
 */
export function parsePeftConfig(json: unknown): PeftConfig {
  if (!isRecord(json)) refuse("the configuration", "be a JSON object", json);
  refuseForeign(json);
  return {
    rank: number(json, "r", "be an integer of at least 1", isRank) ?? 8,
    alpha: number(json, "lora_alpha", "be a finite number", isFinite) ?? 8,
    rankStabilized: flag(json, "use_rslora"),
    rankPattern: field(json, "rank_pattern", "map names to ranks", isMapOf(isRank)) ?? {},
    alphaPattern: field(json, "alpha_pattern", "map names to numbers", isMapOf(isFinite)) ?? {},
    ...selectionOf(json),
    fanInFanOut: flag(json, "fan_in_fan_out"),
    dropout: field(json, "lora_dropout", "be in [0, 1)", isShare) ?? 0,
    baseModelName: field(json, "base_model_name_or_path", "be text", isText),
    taskType: field(json, "task_type", "be text", isText),
  };
}

function refuseForeign(json: Json): void {
  if (isText(json.method)) refuse("the method", "be LoRA, which has low-rank updates", json.method);
  if (isHubConfig(json)) {
    refuse("the adapter", "be PEFT's LoRA", `${hubMethod(json)} of the adapters library`);
  }
  if (json.peft_type !== "LORA") refuse("peft_type", 'be "LORA"', json.peft_type);
  if ((json.bias ?? "none") !== "none") {
    refuse("bias", 'be "none" where A and B alone are read', json.bias);
  }
  if (!INITIALIZATIONS.includes(json.init_lora_weights)) {
    const rule =
      "be an initialization that leaves the base weights unchanged (PEFT can convert the adapter)";
    refuse("init_lora_weights", rule, json.init_lora_weights);
  }
  for (const { name, rule } of unknownFields(json)) refuse(name, rule, json[name]);
}

/** The fields that say something which is not implemented or unknown, and the rule for each. */
export function unknownFields(json: Json): { readonly name: string; readonly rule: string }[] {
  const names = Object.keys(json).filter((name) => !KNOWN.has(name) && !isEmpty(json[name]));
  return names.map((name) => ({ name, rule: `be null, false or empty ${reasonFor(name)}` }));
}

/**
 * Refuses a field that a method does not have, unless it says nothing.
 *
 * @throws {AdapterFileError} when there is one.
 */
export function refuseUnknown(
  json: Json,
  known: ReadonlySet<string>,
  rule = "be null, false or empty (the field is unknown)",
): void {
  const other = Object.keys(json).find((name) => !known.has(name) && !isEmpty(json[name]));
  if (other !== undefined) refuse(other, rule, json[other]);
}

function reasonFor(name: string): string {
  if (Object.hasOwn(BESIDE, name)) return `where A and B alone are read (${BESIDE[name]})`;
  if (Object.hasOwn(REFUSED, name)) return `(not implemented: ${REFUSED[name]})`;
  return "(the field is unknown)";
}

/**
 * The layers that a configuration of any method adapts.
 *
 * @throws {AdapterFileError} when a field has the wrong type, or fields do not go together.
 */
export function selectionOf(json: Json): ModuleSelection {
  refuseLayers(json);
  return {
    targetModules: field(json, "target_modules", "be names or a pattern", isNames),
    excludeModules: field(json, "exclude_modules", "be names or a pattern", isNames),
    layers: list(field(json, "layers_to_transform", "be layer indices", isIndices)),
    layerLists: list(field(json, "layers_pattern", "be names", isNames) || undefined),
  };
}

/** PEFT's rules for choosing layers: only among names, and a list of layers only with their indices. */
function refuseLayers(json: Json): void {
  const { target_modules, layers_to_transform, layers_pattern } = json;
  const isPattern = typeof target_modules === "string";
  for (const [name, value] of Object.entries({ layers_to_transform, layers_pattern })) {
    if (isPattern && (value ?? null) !== null) {
      refuse(name, "be null where target_modules is a pattern", value);
    }
  }
  if (!isEmpty(layers_pattern) && (layers_to_transform ?? null) === null) {
    refuse("layers_pattern", "be with layers_to_transform", layers_pattern);
  }
}

/** Biases of the base model that PEFT trains: none, all, or those of adapted layers. */
export type BiasMode = "none" | "all" | "lora_only";

/** Tensors that are stored beside the factors of the updates. */
export interface PeftExtras {
  /** `modules_to_save`: modules that were trained in full. */
  readonly saved: readonly string[];
  /** True if tables of embeddings and heads that PEFT saved by itself count as such modules. */
  readonly withTables: boolean;
  /** `use_dora`: every module has a magnitude. */
  readonly dora: boolean;
  /** `lora_bias`: every B has a bias. */
  readonly loraBias: boolean;
  /** `bias`: which biases of the base model were trained. */
  readonly bias: BiasMode;
  /** `trainable_token_indices`: the tokens whose rows were trained, of one embedding or by embeddings. */
  readonly tokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

/** Rows of an embedding that stand in for its own. */
export interface TrainedRows {
  /** The tokens whose rows these are. */
  readonly indices: readonly number[];
  /** (tokens, width). */
  readonly values: HostTensor;
}

/** A configuration that has none of them. */
export const noExtras: PeftExtras = {
  ...{ saved: [], withTables: false, dora: false, loraBias: false, bias: "none" },
};

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((index) => Number.isSafeInteger(index) && index >= 0);

const isTokenMap = (value: unknown): value is NonNullable<PeftExtras["tokens"]> =>
  isTokens(value) || isRecord(value) && Object.values(value).every(isTokens);

const isMode = (value: unknown): value is BiasMode =>
  value === "none" || value === "all" || value === "lora_only";

/**
 * Takes the fields of {@link PeftExtras} out of a configuration; the updates do not depend on the rest.
 *
 * @param withDora False to leave `use_dora` in it: with a magnitude an update is not scaling · B A.
 */
export function takeExtras(
  json: unknown,
  { withDora = true }: { readonly withDora?: boolean } = {},
): { rest: unknown; extras: PeftExtras } {
  if (!isRecord(json)) return { rest: json, extras: noExtras };
  const { modules_to_save: _, lora_bias: _loraBias, bias: _bias, ...others } = json;
  const { trainable_token_indices: _tokens, use_dora: switched, ...plain } = others;
  const saved = list(field(json, "modules_to_save", "be names", isNames)) ?? [];
  const extras = { saved, withTables: true, ...trained(json) };
  if (withDora) return { rest: plain, extras };
  return { rest: { ...plain, use_dora: switched }, extras: { ...extras, dora: false } };
}

function trained(json: Json): Omit<PeftExtras, "saved" | "withTables"> {
  const bias = field(json, "bias", 'be "none", "all" or "lora_only"', isMode) ?? "none";
  const rule = "be token numbers, or map embeddings to them";
  const tokens = field(json, "trainable_token_indices", rule, isTokenMap);
  const dora = flag(json, "use_dora"), loraBias = flag(json, "lora_bias");
  // As in PEFT.
  if (dora && loraBias) refuse("lora_bias", "be false with use_dora", loraBias);
  return { dora, loraBias, bias, tokens };
}

/** Modules that a configuration adapts. */
export interface ModuleSelection {
  /** Names or name endings; or a pattern of Python's `re` for the whole name, or `"all-linear"`. */
  readonly targetModules?: readonly string[] | string;
  /** The same for modules to leave out. */
  readonly excludeModules?: readonly string[] | string;
  /** Indices of the layers to adapt. Default: all. */
  readonly layers?: readonly number[];
  /** Patterns for the lists whose members are layers. Default: any name before a number. */
  readonly layerLists?: readonly string[];
}

/**
 * Compiles PEFT's rule for the modules that it would adapt.
 *
 * @throws {SyntaxError} when a pattern is refused.
 */
export function moduleSelector(selection: ModuleSelection): (name: string) => boolean {
  const { targetModules, excludeModules } = selection, effort = new Effort();
  const isExcluded = excludeModules?.length
    ? targetTest(excludeModules, "exclude_modules", effort)
    : () => false;
  const isTarget = targetModules === undefined || isAllLinear(targetModules)
    ? () => true
    : targetTest(targetModules, "target_modules", effort);
  const isInLayer = layerTest(selection, effort);
  return (name) => {
    effort.allow(name);
    return !isExcluded(name) && isTarget(name) && isInLayer(name);
  };
}

const isAllLinear = (targets: string | readonly string[]): boolean =>
  typeof targets === "string" && targets.toLowerCase() === "all-linear";

/** As in PEFT, layers restrict matches of name endings, but not of patterns or full names. */
function layerTest(selection: ModuleSelection, effort: Effort): (name: string) => boolean {
  const { targetModules, layers } = selection;
  if (!layers?.length || typeof targetModules === "string") return () => true;
  const paths = new Set(targetModules), indices = new Set(layers);
  const layerOf = layerFinder(selection.layerLists, effort);
  return (name) => paths.has(name) || indices.has(layerOf(name));
}

/** Finds the first number in a name that follows a list of layers; NaN if there is none. */
function layerFinder(lists: readonly string[] = [], effort: Effort): (name: string) => number {
  const after = "\\.(?P<idx>\\d+)\\.", isNamed = lists.length > 0;
  const frame = { before: isNamed ? "(?:^|.*?\\.)" : ".*?\\.", after, effort };
  const matchers = (isNamed ? lists : ["[^.]*"])
    .map((list) => compilePattern(list, "layers_pattern", frame));
  return (name) => {
    for (const matcher of matchers) {
      const layer = matcher.groupOf(name, "idx");
      if (layer !== undefined) return layer === "" ? NaN : Number(layer);
    }
    return NaN;
  };
}

/**
 * The α whose quotient α/divisor, as PEFT computes it in double precision, is exactly `scaling`; an
 * integer if possible. Not every scaling has such an α. Then it is the nearest, off by one part in 2⁵²,
 * which rounds to the same F32 factor except for ties.
 */
export function exactAlpha(scaling: number, divisor: number): number {
  const alpha = scaling * divisor;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(alpha))) - 52);
  const candidates = [Math.round(alpha), alpha, ...[1, -1, 2, -2].map((k) => alpha + k * step)];
  return candidates.find((candidate) => candidate / divisor === scaling) ?? alpha;
}

/** α of an update: scaling · r, or scaling · √r if it is rank-stabilized. */
export function alphaOf(
  { A: { shape: [rank] }, scaling }: LowRankFactors,
  { rankStabilized = false }: { readonly rankStabilized?: boolean } = {},
): number {
  return exactAlpha(scaling, rankStabilized ? Math.sqrt(rank) : rank);
}
