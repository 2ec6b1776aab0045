/** What each method trains of a layer, and beside the layers. @module */

import {
  type Architecture,
  assertLeftOut,
  blocksOf,
  countParameters,
  type LayerSpec,
  type LinearSpec,
  type TensorSpec,
  topBlocks,
} from "../architectures/architecture.ts";
import { assertPrefixLength } from "../architectures/config_fields.ts";
import {
  type LayerSite,
  selectLayerSites,
  type SiteSelection,
  vectorOption,
  type VectorOptions,
} from "../architectures/sites.ts";
import { quote } from "../core/errors.ts";
import { isNamed, isWithin, listNames, moduleOf } from "../core/module_names.ts";
import { countRows } from "../core/update.ts";
import { patternValues } from "../patterns/names.ts";
import { evaluateFormula, type FormulaValues } from "./evaluate_formula.ts";

/** Modules that are trained in full beside a method. */
export interface CountedModules {
  /** By names or name endings. Default: none, but a classifier's head is always among them. */
  readonly modulesToSave?: readonly string[];
}

/** What is trained of the model beside low-rank updates. */
export interface CountedBeside extends CountedModules {
  /** Biases of the model: of all modules, or of those that are adapted. Default `none`. */
  readonly bias?: "none" | "all" | "lora_only";
  /** Tokens whose rows are trained, of the first embedding or by embeddings. Default: none. */
  readonly trainableTokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

/** Whether a tensor of a layer is trained. */
export type IsTrained = (tensor: TensorSpec, layer: LayerSpec) => boolean;

/** Whether a tensor is a bias. */
const isBias = ({ name }: TensorSpec): boolean => name.endsWith(".bias");

/**
 * The tensors of modules that are trained in full, a classifier's head among them.
 *
 * @throws {RangeError} when a name is that of no module with values of its own, such as a head that shares an
 * embedding's.
 */
function inFull(
  { tensors, head }: Architecture,
  { modulesToSave = [] }: CountedModules,
): IsTrained {
  const missing = modulesToSave.filter((one) => !tensors.some(({ name }) => isWithin(name, one)));
  if (missing.length > 0) {
    const known = listNames([...new Set(tensors.map(({ name }) => moduleOf(name)))]);
    throw new RangeError(
      `counting needs modulesToSave of modules with values of their own (${known}), found ${
        listNames(missing)
      }`,
    );
  }
  return ({ name }, { kind }) =>
    head === "classes" && kind === "head" || modulesToSave.some((one) => isWithin(name, one));
}

/**
 * The biases that a mode of LoRA trains.
 *
 * @param adapted Names of the adapted layers.
 * @throws {RangeError} when there is no such mode.
 */
function biasesOfMode(
  mode: CountedBeside["bias"] = "none",
  adapted: { has(layer: string): boolean },
): IsTrained {
  const modes: Readonly<Record<string, IsTrained>> = {
    none: () => false,
    all: isBias,
    lora_only: (tensor, { name }) => isBias(tensor) && adapted.has(name),
  };
  if (Object.hasOwn(modes, mode)) return modes[mode];
  throw new RangeError(
    `bias must be one of ${Object.keys(modes).join(", ")}, found ${quote(mode)}`,
  );
}

/**
 * Values of rows of embeddings, by the names of these.
 *
 * @throws {RangeError} when there is no such embedding.
 */
function rowCounts(
  { linears }: Architecture,
  tokens: NonNullable<CountedBeside["trainableTokens"]> = {},
): Map<string, number> {
  const tables = linears.filter(({ kind }) => kind === "embedding");
  const byName = Array.isArray(tokens) ? { [tables[0]?.name ?? ""]: tokens } : tokens;
  return new Map(
    Object.entries(byName).map(([name, indices]) => {
      const table = tables.find((one) => isNamed(one.name, name));
      if (table && Array.isArray(indices)) return [table.name, indices.length * table.inputs];
      const known = listNames(tables.map(({ name }) => name));
      throw new RangeError(
        `trainableTokens must list tokens, or map embeddings of the model (${known}) to them, found ${
          quote({ [name]: indices })
        }`,
      );
    }),
  );
}

/** An adapted module. */
export interface LoraCount {
  /** Path of the module. */
  readonly name: string;
  /** Number of values in its A and B. */
  readonly parameters: number;
}

/**
 * Parameters of A and B of every selected module: rank · (inputs + outputs) each; sites of a fused
 * weight have one pair each. As in PEFT, the rank may be above a site's smaller extent, where it adds
 * parameters and no directions.
 *
 * @throws {RangeError} when a name matches nothing, or the rank is not an integer of at least 1.
 *
 * @example
 * ```ts
 * import { loraCounts } from "@lowrank/core/accounting";
 * import { architectureOf, catalog } from "@lowrank/core/architectures";
 *
 * const gpt3 = architectureOf(catalog["gpt3-175b"].config);
 * const counts = loraCounts(gpt3, 4, { sites: ["q", "v"] });
 * console.log(counts.reduce((sum, { parameters }) => sum + parameters, 0)); // 18874368
 * ```
 */
export function loraCounts(
  { linears }: Pick<Architecture, "linears">,
  rank: number,
  selection: SiteSelection,
): LoraCount[] {
  const sites = selectLayerSites(linears, selection);
  const counts = countByLayer(sites, (site) => siteParameters(site, rank));
  return Array.from(counts, ([name, parameters]) => ({ name, parameters }));
}

/** What sites have, added up for each layer by its name. */
function countByLayer(
  sites: readonly LayerSite[],
  countOf: (site: LayerSite) => number,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const site of sites) {
    const { name } = site.layer;
    counts.set(name, (counts.get(name) ?? 0) + countOf(site));
  }
  return counts;
}

/**
 * Parameters of A and B of a site.
 *
 * @throws {RangeError} when the rank is not an integer of at least 1.
 */
function siteParameters({ name, layer, rows }: LayerSite, rank: number): number {
  if (Number.isInteger(rank) && rank >= 1) {
    const d_in = layer.inputs, d_out = countRows(rows);
    return Number(evaluateFormula("lowRankParameters", { r: rank, d_in, d_out }));
  }
  throw new RangeError(`the rank of ${name} must be a whole number of at least 1, found ${rank}`);
}

/** A and B of sites, as tensors. */
export function factorsOf(sites: readonly LayerSite<LinearSpec>[], rank: number): TensorSpec[] {
  return sites.flatMap(({ name, layer, rows }) => [
    { name: `${name}.A`, shape: [rank, layer.inputs] },
    { name: `${name}.B`, shape: [countRows(rows), rank] },
  ]);
}

/**
 * Number of parameters of the classifier, which PEFT copies and trains in full beside the frozen
 * original; 0 if the model does not classify.
 */
export function classifierParameters(
  { head, layers }: Pick<Architecture, "head" | "layers">,
): number {
  if (head !== "classes") return 0;
  return countParameters(
    layers.filter(({ kind }) => kind === "head").flatMap((layer) => layer.tensors),
  );
}

/** A method that adds values to a model. */
type AddingMethod = Exclude<CountedMethod, { readonly kind: "full" | "bitfit" | "top-layers" }>;

/** A method of virtual tokens alone. */
type CountedPrefix = "prefix-embedding" | "prefix-layer" | "prefix-tuning";

/** Values of a layer that a method trains. */
export interface LayerCount {
  /** Of the model's own, in the place of which copies are trained. */
  readonly own: number;
  /** Beside the model's own. */
  readonly added: number;
}

/** What a method trains. */
export interface MethodCount {
  /** Of a layer. */
  readonly ofLayer: (layer: LayerSpec) => LayerCount;
  /** Beside all layers, by what it is called. */
  readonly beside: Readonly<Record<string, number>>;
}

/** Values that a method trains of a model. */
function countMethod(model: Architecture, method: CountedMethod): MethodCount {
  switch (method.kind) {
    case "full":
      return ownCount(() => true);
    case "bitfit": {
      const isInFull = inFull(model, method);
      assertBiases(model);
      return ownCount((tensor, layer) => isBias(tensor) || isInFull(tensor, layer));
    }
    case "top-layers": {
      const isInFull = inFull(model, method), blocks = topBlocks(model.layers, method.layers);
      const isTop = ({ name }: LayerSpec) => blocks.some((block) => isWithin(name, block));
      return ownCount((tensor, layer) => isTop(layer) || isInFull(tensor, layer));
    }
  }
  const { layers = [], copies, beside = {} } = addedBy(model, method);
  const isInFull = inFull(model, method);
  return {
    ofLayer: (layer) => {
      const copied = countTrained(
        layer,
        (tensor, layer) => isInFull(tensor, layer) || (copies?.(tensor, layer) ?? false),
      );
      return {
        own: 0,
        added: layers.reduce((sum, one) => sum + (one.get(layer.name) ?? 0), copied),
      };
    },
    beside,
  };
}

/** Copies of a layer's tensors. */
const countTrained = (layer: LayerSpec, isTrained: IsTrained): number =>
  countParameters(layer.tensors.filter((tensor) => isTrained(tensor, layer)));

const ownCount = (isTrained: IsTrained): MethodCount => ({
  ofLayer: (layer) => ({ own: countTrained(layer, isTrained), added: 0 }),
  beside: {},
});

/** What a method adds to a model. */
interface AddedCounts {
  /** To layers, by their names. */
  readonly layers?: readonly ReadonlyMap<string, number>[];
  /** Which of the model's own tensors it copies. */
  readonly copies?: IsTrained;
  /** Beside all layers, by what it is called. */
  readonly beside?: Readonly<Record<string, number>>;
}

function addedBy(model: Architecture, method: AddingMethod): AddedCounts {
  switch (method.kind) {
    case "lora":
      return updateCounts(model, method);
    case "vera":
      return { layers: [vectorCounts(model, method)] };
    case "bottleneck":
      return { beside: { bottlenecks: bottleneckCount(model, method) } };
    case "prefix-embedding":
    case "prefix-layer":
    case "prefix-tuning":
      return { beside: { "virtual tokens": tokenCount(model, method.kind, method) } };
    case "lora+prefix-embedding":
    case "lora+prefix-layer": {
      const kind = method.kind === "lora+prefix-layer" ? "prefix-layer" : "prefix-embedding";
      const beside = { "virtual tokens": tokenCount(model, kind, method) };
      return { ...updateCounts(model, method), beside };
    }
  }
  const { kind } = method as { kind: string };
  throw new RangeError(`counting needs a known method, found ${quote(kind)}`);
}

/** Of a model without biases there is nothing to train. */
function assertBiases({ tensors }: Architecture): void {
  if (tensors.some(isBias)) return;
  throw new RangeError("BitFit needs a model with biases, found none");
}

/** A selection, or where nothing is said another one. */
function selectionOf({ sites, targetModules }: SiteSelection, usual: SiteSelection): SiteSelection {
  return sites === undefined && targetModules === undefined ? usual : { sites, targetModules };
}

function updateCounts(model: Architecture, options: CountedUpdates): AddedCounts {
  const { rank, rankPattern = {}, bias, trainableTokens } = options;
  const rankOf = patternValues(rankPattern, "rankPattern");
  const sites = selectLayerSites(model.linears, selectionOf(options, { sites: ["q", "v"] }));
  const counts = countByLayer(
    sites,
    (site) =>
      siteParameters(site, rankOf(site.layer.name, site.name) ?? rank) + vectorCount(site, options),
  );
  const layers = [counts, rowCounts(model, trainableTokens)];
  return { layers, copies: biasesOfMode(bias, counts) };
}

/** A value for each row of a site that has a vector beside A and B. */
function vectorCount({ name, rows, layer }: LayerSite, options: VectorOptions): number {
  const { outputs, kind } = layer, isTable = kind === "embedding";
  return vectorOption({ name, rows, outputs, isTable }, options) ? countRows(rows) : 0;
}

function vectorCounts(model: Architecture, { rank, ...given }: CountedSites): Map<string, number> {
  const selection = selectionOf(given, { targetModules: model.peftTargets });
  return new Map(
    selectLayerSites(model.linears, selection).map(({ name, layer, role }) => {
      if (layer.kind === "embedding" || role) {
        throw new RangeError(`VeRA needs whole linear layers, by targetModules, found ${name}`);
      }
      return [layer.name, valueOf("veraParameters", { r: rank, d_out: layer.outputs })];
    }),
  );
}

const bottleneckFormulas = {
  houlsby: "adapterHParameters",
  lin: "adapterLParameters",
  pfeiffer: "adapterPParameters",
  drop: "adapterPParameters",
} as const;

function bottleneckCount(
  model: Architecture,
  { size: r, variant = "houlsby", leaveOut = [] }: CountedBottlenecks,
): number {
  const blocks = blocksOf(model.layers, "bottlenecks").length;
  assertLeftOut(leaveOut, blocks, variant);
  const L = blocks - new Set(leaveOut).size;
  return valueOf(bottleneckFormulas[variant], { L, d: blockWidth(model), r });
}

function tokenCount(model: Architecture, kind: CountedPrefix, { length }: CountedTokens): number {
  const tokens = { l_p: length, l_i: 0 };
  if (model.positions !== undefined) assertPrefixLength(kind, length, model.positions);
  if (kind === "prefix-embedding") {
    return valueOf("preEmbedParameters", { d: wordWidth(model), ...tokens });
  }
  const L = blocksOf(model.layers, "virtual tokens").length;
  if (kind === "prefix-layer") {
    return valueOf("preLayerParameters", { L, d: blockWidth(model), ...tokens });
  }
  return valueOf("prefixTuningParameters", { L, d_kv: keyWidthOf(model), l_p: length });
}

/** The width of the embeddings of words, the first table. */
function wordWidth({ linears }: Architecture): number {
  const table = linears.find(({ kind }) => kind === "embedding");
  if (table) return table.inputs;
  throw new RangeError(
    "counting a method of this kind needs a model with an embedding, found none",
  );
}

/** The width of the stream between blocks, which queries and keys are made of; words of OPT-350M are narrower. */
function blockWidth(model: Architecture): number {
  const projection = model.linears.find(({ parts }) => parts.q ?? parts.k);
  return projection?.inputs ?? wordWidth(model);
}

/** The width of the keys of a block. */
function keyWidthOf({ linears, modelType }: Architecture): number {
  const keys = linears.find(({ parts }) => parts.k)?.parts.k;
  if (keys && !modelType?.startsWith("deberta")) return countRows(keys);
  throw new RangeError(
    `prefix-tuning needs attention that takes a token's key and value alone, found ${
      modelType ?? "none"
    }`,
  );
}

const valueOf = (formula: string, values: FormulaValues): number =>
  Number(evaluateFormula(formula, values));

/** Low-rank updates of some sites. */
export interface CountedSites extends SiteSelection {
  /** r. */
  readonly rank: number;
}

/** LoRA, with all that it may train beside A and B. */
export interface CountedUpdates extends CountedSites, CountedBeside {
  /** Whether every site has a magnitude for each row. Default false. */
  readonly dora?: boolean;
  /** Whether every B has a bias. Default false. */
  readonly loraBias?: boolean;
  /** Ranks of some sites, by patterns for their names. */
  readonly rankPattern?: Readonly<Record<string, number>>;
}

/** Virtual tokens. */
export interface CountedTokens {
  /** l_p. */
  readonly length: number;
}

/** Bottlenecks of a width, without those of some layers. */
export interface CountedBottlenecks {
  /** m. */
  readonly size: number;
  /** Where they are. Default `houlsby`. */
  readonly variant?: "houlsby" | "lin" | "pfeiffer" | "drop";
  /** Layers without one. Default: none. */
  readonly leaveOut?: readonly number[];
}

/** A method with the options on which its count depends. */
export type CountedMethod =
  | { readonly kind: "full" }
  | { readonly kind: "bitfit" } & CountedModules
  | { readonly kind: "top-layers"; readonly layers: number } & CountedModules
  | { readonly kind: "lora" } & CountedUpdates
  | { readonly kind: "vera" } & CountedSites & CountedModules
  | { readonly kind: "bottleneck" } & CountedBottlenecks & CountedModules
  | (
    & { readonly kind: "prefix-embedding" | "prefix-layer" | "prefix-tuning" }
    & CountedTokens
    & CountedModules
  )
  | (
    & { readonly kind: "lora+prefix-embedding" | "lora+prefix-layer" }
    & CountedUpdates
    & CountedTokens
  );

/** One module. */
export interface ModuleCount {
  /** Its path; of what is none of the model's, what it is. */
  readonly name: string;
  /** Number of its values, those that an adapter adds included. */
  readonly parameters: number;
  /** Number of those that are trained. */
  readonly trainable: number;
}

/**
 * Parameters of every module, and those that a method trains, with all that its options train beside it: the modules
 * of `modulesToSave` and, of LoRA, magnitudes, biases and rows of tokens. A classifier's head is trained beside every
 * adapter, and counts twice, as in PEFT: the original is frozen and a copy is trained. BitFit and the top layers
 * train values of the model itself, a head's included. VeRA's shared random matrices are no parameters, as in PEFT.
 *
 * @throws {RangeError} when a name matches nothing, a number does not fit, or the method is unknown or does not fit
 * the model: BitFit one without biases, others one without a list of blocks, such as T5.
 * @throws {TypeError} when LoRA is to have both magnitudes and biases of B.
 *
 * @example
 * ```ts
 * import { countModules } from "@lowrank/core/accounting";
 * import { architectureOf, catalog } from "@lowrank/core/architectures";
 *
 * const gpt2 = architectureOf(catalog["gpt2-medium"].config);
 * const counts = countModules(gpt2, { kind: "top-layers", layers: 2 });
 * console.log(counts.reduce((sum, { trainable }) => sum + trainable, 0)); // 25192448, the paper's FT-Top2
 * ```
 */
export function countModules(
  model: Architecture,
  method: CountedMethod = { kind: "full" },
): ModuleCount[] {
  const { ofLayer, beside } = countMethod(model, method);
  const modules = model.layers.map((layer): ModuleCount => {
    const size = countParameters(layer.tensors), { own, added } = ofLayer(layer);
    return { name: layer.name, parameters: size + added, trainable: own + added };
  });
  const others = Object.entries(beside)
    .map(([name, count]): ModuleCount => ({ name, parameters: count, trainable: count }));
  return [...modules, ...others];
}
