/** Injecting new LoRA sites into a model. @module */

import { vectorOption } from "../../architectures/sites.ts";
import { assertDropout } from "../../autograd/ops/dropout.ts";
import { assertOptions, assertRecord } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { isNamed, listNames, nameTwice } from "../../core/module_names.ts";
import { Random } from "../../core/random.ts";
import type { HostData } from "../../core/tensor.ts";
import {
  assertScaling,
  assertUpdate,
  countRows,
  type LowRankUpdate,
  randomInits,
  rangesOf,
  sameRows,
} from "../../core/update.ts";
import { alphaOf, type BiasMode } from "../../formats/peft/config.ts";
import type { TrainedUpdate } from "../../formats/peft/record.ts";
import { orthonormalRows } from "../../linalg/gaussian.ts";
import { assertNoTable, lora } from "../../methods/lora.ts";
import type { Model } from "../../models/model.ts";
import { type AdaptedLayer, Embedding } from "../../nn/embedding.ts";
import { type PatternValue, patternValues } from "../../patterns/names.ts";
import { assertFree, type JoinOptions, ofInjector } from "../adapter.ts";
import {
  addressOf,
  type LayerSites,
  selectSites,
  type Site,
  sitesByLayer,
  type SiteSelection,
} from "../sites.ts";
import {
  type InitialRows,
  TokenRows,
  TrainedModules,
  type TrainedParts,
} from "../trained_modules.ts";
import { LoraAdapter } from "./adapter.ts";
import type { LoraPlan } from "./site.ts";

/** Parts of the model itself that are trained beside low-rank updates; by default none. */
export interface BesideOptions {
  /**
   * Modules that are trained in full beside the sites, by names or name endings, and saved with the adapter
   * as PEFT does: `["score"]`, the head of a classifier. Default: none.
   */
  readonly modulesToSave?: readonly string[];
  /**
   * Tokens whose rows of the embedding are trained while the rest of it is frozen, such as new ones; or, by the
   * paths of the embeddings, of several. A head that shares the weight has the same rows. Default: none.
   */
  readonly trainableTokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  /** Train biases of the base model: of all modules, or (`lora_only`) of the adapted layers. Default `none`. */
  readonly bias?: BiasMode;
}

/** The modules, biases and rows that are trained beside the sites. */
export function injectedParts(
  model: Model,
  plans: readonly LoraPlan[],
  { modulesToSave = [], trainableTokens = {}, bias: biasMode = "none" }: BesideOptions,
): TrainedParts {
  using unfinished = new DisposableStack();
  const modules = unfinished.use(new TrainedModules(model, modulesToSave));
  const tokens = unfinished.use(new TokenRows(model, tokensByTable(model, trainableTokens)));
  const inFull = new Set(modules.parameters.map(({ name }) => name));
  const all = [...model.parameters.keys()].filter((name) => name.endsWith(".bias"));
  const adapted = new Set(plans.map(({ site }) => site.linear.bias?.name));
  const chosen = { none: [], all, lora_only: all.filter((name) => adapted.has(name)) }[biasMode];
  if (!chosen) {
    throw new RangeError(`bias must be "none", "all" or "lora_only", found ${quote(biasMode)}`);
  }
  const biases = new TrainedModules(model, chosen.filter((name) => !inFull.has(name)));
  unfinished.move();
  return { modules, biases, biasMode, tokens };
}

/** A list is of the first embedding, that of the tokens. */
function tokensByTable(
  { outerLayers = [] }: Model,
  tokens: NonNullable<BesideOptions["trainableTokens"]>,
): Map<string, InitialRows> {
  const tables = outerLayers.filter((layer) => layer instanceof Embedding);
  const byName = Array.isArray(tokens) ? { [tables[0]?.name ?? ""]: tokens } : tokens;
  return new Map(
    Object.entries(byName).map(([name, indices]) => {
      const table = tables.find((one) => isNamed(one.name, name));
      if (table && Array.isArray(indices)) return [table.name, { indices }];
      const known = listNames(tables.map(({ name }) => name));
      throw new RangeError(
        `trainableTokens must list tokens, or map embeddings of the model (${known}) to them, found ${
          quote({ [name]: indices })
        }`,
      );
    }),
  );
}

/**
 * Settings of a new adapter; its sites are queries and values, as in the paper, if neither `sites`
 * nor `targetModules` is given.
 */
export interface LoraOptions extends SiteSelection, JoinOptions, BesideOptions {
  /** r: a whole number from 1 to the smaller extent of the site. */
  readonly rank: number;
  /** α: the update is scaled by α / r. Default: `rank`, a scaling of 1 where no pattern applies. */
  readonly alpha?: number;
  /** Scale by α / √r instead (Kalajdzievski 2023). Default false. */
  readonly rankStabilized?: boolean;
  /** Share of each site's input that is zeroed while training with a dropout seed. Default 0. */
  readonly dropout?: number;
  /**
   * Ranks of some sites, like PEFT's `rank_pattern`: each key is a pattern of Python's `re` for a layer's
   * path or a site's name, whole or after any dot; the first match wins. What one pass over a name cannot
   * match (lookaround, back-references) is refused.
   */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** The same for α, matched independently. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Train DoRA: a magnitude for each row beside the low-rank direction, on whole layers. Default false. */
  readonly dora?: boolean;
  /** Give every B a bias, multiplied by the scaling as B A is; on whole layers. Default false. */
  readonly loraBias?: boolean;
  /**
   * Initial values of A: `kaiming`, U(−1/√in, 1/√in), Kaiming's uniform with a = √5 as in loralib
   * and PEFT; `gaussian`, as the paper's section 4.1 says, with PEFT's standard deviation 1/r; or
   * `orthonormal`, rows of norm 1/√3 at right angles to each other, in a space that is drawn evenly: the norm is
   * that of `kaiming`'s rows, whose values have the variance 1/(3 in). PEFT's `orthogonal` is another start: there
   * neither A nor B is zero, and half of A's rows are linear combinations of the others. Default `kaiming`.
   */
  readonly init?: "kaiming" | "gaussian" | "orthonormal";
  /**
   * True to train B alone: A keeps the values that it begins with, and has no gradient and no moments (LoRA-FA,
   * Zhang et al. 2023; Zhu et al. 2024). The base's inputs are then not kept for A's gradient either. Default false.
   */
  readonly freezeA?: boolean;
  /** Seed of A's initial values: each site has a stream of its own, whatever else is adapted. Default 0. */
  readonly seed?: number;
}

/** Keeps A's random stream apart from others with the same seed, such as the order of batches. */
const adapterStream = 0x4c6f5241;

/**
 * Freezes a model and gives each selected site of its linear layers a trainable low-rank update:
 * y[:, rows] += (α / r) · (x Aᵀ) Bᵀ with A `(r, in)` and B `(rows, r)`.
 *
 * A is random (see {@link LoraOptions.init}) and B is zero: at step 0 the model computes what the base model
 * computes, bit for bit. Cost: 4 · r · (in + rows) bytes per site.
 *
 * Embeddings and a language model's head are adapted where `targetModules` or a path in `sites` names them:
 * y = E[id] + (α / r) · A[:, id]ᵀ Bᵀ, where A `(r, tokens)` begins as zero and B `(width, r)` is random. As in
 * PEFT, an update of an embedding whose weight the head shares leaves the head alone, and the other way round.
 *
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a site does not exist, or a
 * rank, alpha or dropout is out of range.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 * @throws {SyntaxError} when a pattern is refused.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, alpha: 4, sites: ["q", "v"], seed: 1 });
 * console.log(adapter.parameterCount); // 2 sites · 2 · (8 + 8) = 64
 * ```
 */
export function injectLora(model: Model, options: LoraOptions): LoraAdapter {
  const plans = planLora(model, "injectLora", options);
  const adapter = new LoraAdapter(model, plans, injectedParts(model, plans, options));
  const { init = "kaiming", seed = 0 } = options;
  return Object.assign(adapter, { randomStart: { init, seed } });
}

/** Plans of a new adapter's sites. */
export function planLora(model: Model, action: string, options: LoraOptions): LoraPlan[] {
  assertOptions(action, options, { ...lora.options, ...ofInjector });
  assertFree(model, options, action);
  assertDropout("dropout", options.dropout ?? 0);
  const values: SiteValues = {
    rankOf: patternValues(options.rankPattern ?? {}, "rankPattern"),
    alphaOf: patternValues(options.alphaPattern ?? {}, "alphaPattern"),
    isDry: model.device.kind === "dry",
  };
  const random = new Random(options.seed ?? 0).split(adapterStream);
  const { sites, targetModules } = options;
  const isSaid = sites !== undefined || targetModules !== undefined;
  const selection = isSaid ? { sites, targetModules } : { sites: ["q", "v"] };
  const chosen = selectSites(model, selection);
  if (options.freezeA) {
    assertNoTable(
      chosen.map(({ name, linear }) => ({ name, isTable: linear instanceof Embedding })),
    );
  }
  return chosen.map((site) => planSite(site, options, values, random));
}

/** Values of the patterns for a site, and a flag for a device that will hold none of its values. */
interface SiteValues {
  readonly rankOf: PatternValue;
  readonly alphaOf: PatternValue;
  readonly isDry: boolean;
}

function planSite(
  site: Site,
  options: LoraOptions,
  { rankOf, alphaOf, isDry }: SiteValues,
  random: Random,
): LoraPlan {
  const names = [site.linear.name, site.name];
  const rank = rankOf(...names) ?? options.rank;
  const alpha = alphaOf(...names) ?? options.alpha ?? options.rank;
  const [, width] = site.linear.extents;
  checkRank(site, rank, width);
  checkAlpha(alpha, site.name);
  const scaling = alpha / (options.rankStabilized ? Math.sqrt(rank) : rank);
  assertScaling(scaling, site.name);
  const own = random.split(site.index),
    factors = site.linear instanceof Embedding
      ? initialTable(own, rank, site)
      : { A: initialA(own, options.init, [rank, width], isDry) };
  const { dropout = 0, freezeA } = options, vectors = vectorsOf(site, options);
  return { site, rank, alpha, scaling, dropout, freezeA, ...factors, ...vectors };
}

/** An embedding begins the other way round, in loralib and in PEFT whatever `init` is: A = 0, B ~ N(0, 1). */
function initialTable(random: Random, rank: number, { linear, rows }: Site) {
  const [, tokens] = linear.extents, B = new Float32Array(countRows(rows) * rank);
  return { A: new Float32Array(rank * tokens), B: B.map(() => random.normal()) };
}

function initialA(
  random: Random,
  init: LoraOptions["init"] = "kaiming",
  [rank, width]: readonly [number, number],
  isDry: boolean,
): HostData {
  if (!randomInits.includes(init)) {
    throw new RangeError(`init must be one of ${randomInits.join(", ")}, found ${quote(init)}`);
  }
  if (isDry) return new Float32Array(rank * width); // Values that no device holds cost seconds.
  if (init === "kaiming") return random.uniformWithin(1 / Math.sqrt(width), rank * width);
  if (init === "gaussian") {
    return Float32Array.from({ length: rank * width }, () => random.normal() / rank);
  }
  return Float32Array.from(
    orthonormalRows(rank, width, random).data,
    (value) => value / Math.sqrt(3),
  );
}

/** The vector of a site beside A and B, if it has one. */
function vectorsOf(
  { name, rows, linear }: Site,
  options: LoraOptions,
): Pick<LoraPlan, "bias" | "magnitude"> {
  const [outputs] = linear.extents, isTable = linear instanceof Embedding;
  const option = vectorOption({ name, rows, outputs, isTable }, options);
  if (option === undefined) return {};
  return option === "dora" ? { magnitude: "norms" } : { bias: new Float32Array(countRows(rows)) };
}

function checkRank({ name, rows }: Site, rank: number, width: number): void {
  const most = Math.min(countRows(rows), width);
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= most)) {
    throw new RangeError(
      `the rank of ${name} must be a whole number from 1 to ${most}, found ${quote(rank)}`,
    );
  }
}

function checkAlpha(alpha: number, name: string): void {
  if (!Number.isFinite(alpha)) {
    throw new RangeError(`alpha of ${name} must be a finite number, found ${quote(alpha)}`);
  }
}

/**
 * Injects updates into a model as an adapter, in force at once; an empty list makes an adapter that
 * changes nothing. The rank is read off A, and α is scaling · rank.
 *
 * Any question that needs no training can be answered by changing plain values; {@link LoraAdapter.with}
 * does so for one adapter's rank, weight and sites. Here `updates` comes from `adapter.read()`, or from
 * `readAdapter` if its paths are the model's:
 *
 * | what if | updates |
 * | --- | --- |
 * | the rank were k (the nearest of rank k, a prefix of the SVD) | `updates.map((u) => ({ ...u, ...truncateUpdate(u, k) }))`, from `@lowrank/core/analysis` |
 * | the adapter's weight, or α, were w times as large | `updates.map((u) => ({ ...u, scaling: w * u.scaling }))` |
 * | only the first layer were adapted | `updates.filter(({ module }) => module.includes(".h.0."))` |
 * | one of several adapters were missing | inject the others, `onTop: true`; adapters on one model add up |
 *
 * Cost: 4 · rank · (in + rows) bytes per site, and copying them.
 *
 * @throws {TypeError} when an option does not exist, or it is not a list of updates.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, an update belongs to no site of
 * the model, two belong to the same site, sites share rows, or a scaling is not finite.
 * @throws {ShapeError} when A and B do not fit each other or the site.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, injectUpdates, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using trained = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * const updates = await trained.read();
 * trained.remove();
 * const halved = updates.map((update) => ({ ...update, scaling: update.scaling / 2 }));
 * using adapter = injectUpdates(model, halved.filter(({ module }) => module.includes(".h.1.")));
 * console.log(adapter.sites.length, adapter.bytes); // 2, 2 · 4 · 2 · (8 + 8) = 256
 * ```
 */
export function injectUpdates(
  model: Model,
  updates: readonly LowRankUpdate[],
  options: JoinOptions = {},
): LoraAdapter {
  assertOptions("injectUpdates", options, { onTop: true });
  assertFree(model, options, "injectUpdates");
  assertUpdates("injectUpdates", updates);
  return new LoraAdapter(model, planUpdates(model, updates));
}

/**
 * Asserts that it is a list of records: callers without types may pass an adapter.
 *
 * @throws {TypeError} when it is not.
 */
export function assertUpdates(action: string, updates: readonly LowRankUpdate[]): void {
  if (!Array.isArray(updates)) {
    throw new TypeError(`${action} needs a list of updates, found ${quote(updates)}`);
  }
  for (const update of updates) assertRecord(`an update of ${action}`, update);
}

/** Facts that a file records about its updates besides their values. */
export interface UpdateSettings {
  /** Share of each site's input that is zeroed while training. Default 0. */
  readonly dropout?: number;
  /** True if scalings are α / √r. Default false. */
  readonly rankStabilized?: boolean;
  /** True if A is frozen, and B alone is trained. Default false. */
  readonly freezeA?: boolean;
}

/** A plan for each update, in the order of the forward pass. */
export function planUpdates(
  model: Model,
  updates: readonly TrainedUpdate[],
  settings: UpdateSettings = {},
): LoraPlan[] {
  const layers = sitesByLayer(model);
  const names = updates.map((update) => siteOf(layers, update).name), twice = nameTwice(names);
  if (twice !== undefined) throw new RangeError(`a site takes one update, found two for ${twice}`);
  const byName = new Map(names.map((name, i) => [name, updates[i]]));
  const sites = names.length === 0 ? [] : selectSites(model, { sites: names });
  return sites.map((site) => planUpdate(site, byName.get(site.name)!, settings));
}

/** The site of the model that an update belongs to: by its rows, by its role, or by both. */
function siteOf(
  layers: ReadonlyMap<string, LayerSites>,
  { module, role, ...update }: LowRankUpdate,
): Site {
  const layer = layers.get(module);
  if (!layer) {
    const names = listNames([...layers.keys()]);
    throw new RangeError(`updates must be for layers of the model (${names}), found "${module}"`);
  }
  const { linear, whole } = layer, sites = [whole, ...layer.declared];
  const part = role && linear.parts[role], { rows = part ?? whole.rows } = update;
  const [all] = linear.weight.shape, { outputs = all } = update;
  if (outputs !== all) {
    throw new RangeError(
      `updates of ${module} must be for its ${all} rows in the model, found ${outputs}: ` +
        "they are for another base",
    );
  }
  const site = sites.find((site) => sameRows(site.rows, rows));
  const isPart = role === undefined || part && sameRows(part, rows);
  if (site && isPart) return site;
  const spans = rangesOf(rows).map(({ start, count }) => `${start} to ${start + count}`);
  throw new RangeError(
    `the rows of a site must be those of ${listNames(sites.map(({ name }) => name))}, found rows ` +
      `${spans.join(", ")} of ${outputs}${role ? ` as "${role}"` : ""}`,
  );
}

function planUpdate(site: Site, update: TrainedUpdate, settings: UpdateSettings): LoraPlan {
  const { linear, rows } = site, { A, B, scaling } = update, { dropout = 0, freezeA } = settings;
  assertUpdate({ ...addressOf(linear, rows), A, B, scaling }, linear.extents);
  assertKind(linear, update);
  const alpha = alphaOf(update, settings);
  const vectors = { bias: update.bias?.data, magnitude: update.magnitude?.data };
  const own = { site, rank: A.shape[0], freezeA, ...vectors };
  return { ...own, alpha, scaling, dropout, A: A.data, B: B.data };
}

/** An update of an embedding is another computation than one of a linear layer of the same shapes. */
function assertKind(layer: AdaptedLayer, { isEmbedding = false }: TrainedUpdate): void {
  const kind = (isOne: boolean) => isOne ? "an embedding" : "a linear layer";
  const isOne = layer instanceof Embedding;
  if (isOne === isEmbedding) return;
  throw new RangeError(
    `updates of ${layer.name} must be of ${kind(isOne)}, found one of ${kind(isEmbedding)}`,
  );
}
