/** What each method trains of a layer, and beside the layers. @module */

import {
  type Architecture,
  countParameters,
  type LayerSpec,
} from "../architectures/architecture.ts";
import { blocksOf, topBlocks } from "../architectures/blocks.ts";
import { assertLeftOut } from "../architectures/left_out.ts";
import { assertPrefixLength } from "../architectures/positions.ts";
import { selectLayerSites, type SiteSelection } from "../architectures/layer_sites.ts";
import { isWithin } from "../core/module_names.ts";
import { quote } from "../core/quote.ts";
import { countRows } from "../core/row_range.ts";
import { evaluateFormula, type FormulaValues } from "./evaluate_formula.ts";
import { classifierParameters, loraCounts } from "./lora_count.ts";

/** Low-rank updates of some sites. */
export interface CountedSites extends SiteSelection {
  /** r. */
  readonly rank: number;
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

/** A method with the options on which its count depends: any that a run's specification may name. */
export type CountedMethod =
  | { readonly kind: "full" | "bitfit" }
  | { readonly kind: "top-layers"; readonly layers: number }
  | { readonly kind: "lora" | "vera" } & CountedSites
  | { readonly kind: "bottleneck" } & CountedBottlenecks
  | { readonly kind: "prefix-embedding" | "prefix-layer" | "prefix-tuning" } & CountedTokens
  | { readonly kind: "lora+prefix-embedding" | "lora+prefix-layer" } & CountedSites & CountedTokens;

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
  const all = ({ tensors }: LayerSpec): LayerCount => ({ own: countParameters(tensors), added: 0 });
  const copyOf = (layer: LayerSpec) => classifierParameters({ ...model, layers: [layer] });
  const orHead = (ofLayer: (layer: LayerSpec) => LayerCount) => ({
    ofLayer: (layer: LayerSpec) => copyOf(layer) > 0 ? all(layer) : ofLayer(layer),
    beside: {},
  });
  const added = (counts: ReadonlyMap<string, number>, beside: MethodCount["beside"] = {}) => ({
    ofLayer: (layer: LayerSpec) => ({
      own: 0,
      added: copyOf(layer) + (counts.get(layer.name) ?? 0),
    }),
    beside,
  });
  switch (method.kind) {
    case "full":
      return { ofLayer: all, beside: {} };
    case "bitfit":
      return orHead((layer) => all({ ...layer, tensors: biasesOf(model, layer) }));
    case "top-layers": {
      const blocks = topBlocks(model.layers, method.layers);
      const isTop = ({ name }: LayerSpec) => blocks.some((block) => isWithin(name, block));
      return orHead((layer) => isTop(layer) ? all(layer) : { own: 0, added: 0 });
    }
    case "lora":
      return added(updateCounts(model, method));
    case "vera":
      return added(vectorCounts(model, method));
    case "bottleneck":
      return added(new Map(), { bottlenecks: bottleneckCount(model, method) });
    case "prefix-embedding":
    case "prefix-layer":
    case "prefix-tuning":
      return added(new Map(), { "virtual tokens": tokenCount(model, method.kind, method) });
    case "lora+prefix-embedding":
    case "lora+prefix-layer": {
      const kind = method.kind === "lora+prefix-layer" ? "prefix-layer" : "prefix-embedding";
      return added(updateCounts(model, method), {
        "virtual tokens": tokenCount(model, kind, method),
      });
    }
  }
  const { kind } = method as { kind: string };
  throw new RangeError(`counting needs a known method, found ${quote(kind)}`);
}

/** The biases of a layer; of a model without any there is nothing to train. */
function biasesOf({ tensors }: Architecture, layer: LayerSpec) {
  const isBias = ({ name }: { readonly name: string }) => name.endsWith(".bias");
  if (tensors.some(isBias)) return layer.tensors.filter(isBias);
  throw new RangeError("BitFit needs a model with biases, found none");
}

/** A selection, or where nothing is said another one. */
function selectionOf({ sites, targetModules }: SiteSelection, usual: SiteSelection): SiteSelection {
  return sites === undefined && targetModules === undefined ? usual : { sites, targetModules };
}

function updateCounts(model: Architecture, { rank, ...selection }: CountedSites) {
  const counts = loraCounts(model, rank, selectionOf(selection, { sites: ["q", "v"] }));
  return new Map(counts.map(({ name, parameters }) => [name, parameters]));
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
  return valueOf(bottleneckFormulas[variant], { L, d: widthOf(model), r });
}

function tokenCount(
  model: Architecture,
  kind: "prefix-embedding" | "prefix-layer" | "prefix-tuning",
  { length }: CountedTokens,
): number {
  const d = widthOf(model), tokens = { l_p: length, l_i: 0 };
  if (model.positions !== undefined) assertPrefixLength(kind, length, model.positions);
  if (kind === "prefix-embedding") return valueOf("preEmbedParameters", { d, ...tokens });
  const L = blocksOf(model.layers, "virtual tokens").length;
  if (kind === "prefix-layer") return valueOf("preLayerParameters", { L, d, ...tokens });
  return valueOf("prefixTuningParameters", { L, d_kv: keyWidthOf(model), l_p: length });
}

/** The width of the stream between blocks: that of the first embedding. */
function widthOf({ linears }: Architecture): number {
  const table = linears.find(({ kind }) => kind === "embedding");
  if (table) return table.inputs;
  throw new RangeError(
    "counting a method of this kind needs a model with an embedding, found none",
  );
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
