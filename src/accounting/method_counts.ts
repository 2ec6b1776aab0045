/** What each method trains of a layer, and beside the layers. @module */

import {
  type Architecture,
  countParameters,
  type LayerSpec,
} from "../architectures/architecture.ts";
import { blocksOf, topBlocks } from "../architectures/blocks.ts";
import {
  type LayerSite,
  selectLayerSites,
  type SiteSelection,
} from "../architectures/layer_sites.ts";
import { assertLeftOut } from "../architectures/left_out.ts";
import { assertPrefixLength } from "../architectures/positions.ts";
import { vectorOption, type VectorOptions } from "../architectures/site_vectors.ts";
import { isWithin } from "../core/module_names.ts";
import { patternValues } from "../core/pattern_values.ts";
import { quote } from "../core/quote.ts";
import { countRows } from "../core/row_range.ts";
import { biasesOfMode, inFull, isBias, type IsTrained, rowCounts } from "./beside_counts.ts";
import type {
  CountedBottlenecks,
  CountedMethod,
  CountedSites,
  CountedTokens,
  CountedUpdates,
} from "./counted_method.ts";
import { evaluateFormula, type FormulaValues } from "./evaluate_formula.ts";
import { countByLayer, siteParameters } from "./lora_count.ts";

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
export function countMethod(model: Architecture, method: CountedMethod): MethodCount {
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
