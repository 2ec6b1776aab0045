/** Injecting new LoRA sites into a model. @module */

import { vectorOption } from "../../architectures/site_vectors.ts";
import { assertDropout } from "../../autograd/ops/dropout.ts";
import type { HostData } from "../../core/host_tensor.ts";
import { assertScaling } from "../../core/low_rank_update.ts";
import { assertOptions, type OptionNames } from "../../core/options.ts";
import { type PatternValue, patternValues } from "../../core/pattern_values.ts";
import { quote } from "../../core/quote.ts";
import { Random } from "../../core/random.ts";
import { countRows } from "../../core/row_range.ts";
import type { Model } from "../../models/model.ts";
import { Embedding } from "../../nn/embedding.ts";
import { assertFree, type JoinOptions } from "../attach.ts";
import { selectSites, type Site, type SiteSelection } from "../sites.ts";
import { LoraAdapter } from "./adapter.ts";
import { type BesideOptions, injectedParts } from "./injected_parts.ts";
import type { LoraPlan } from "./plan.ts";

/** How to adapt a model; where neither `sites` nor `targetModules` say, queries and values, as in the paper. */
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
   * How A begins: `kaiming`, U(−1/√in, 1/√in), Kaiming's uniform with a = √5 as in loralib and PEFT; or
   * `gaussian`, as the paper's section 4.1 says, with PEFT's standard deviation 1/r. Default `kaiming`.
   */
  readonly init?: "kaiming" | "gaussian";
  /** Seed of A's initial values: each site has a stream of its own, whatever else is adapted. Default 0. */
  readonly seed?: number;
}

/** The names of {@link LoraOptions}. */
export const optionNames: OptionNames<LoraOptions> = {
  rank: true,
  alpha: true,
  sites: true,
  targetModules: true,
  seed: true,
  dropout: true,
  rankStabilized: true,
  rankPattern: true,
  alphaPattern: true,
  modulesToSave: true,
  trainableTokens: true,
  dora: true,
  loraBias: true,
  bias: true,
  init: true,
  onTop: true,
};

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

/** What the sites of a new adapter will be. */
export function planLora(model: Model, action: string, options: LoraOptions): LoraPlan[] {
  assertOptions(action, options, optionNames);
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
  return selectSites(model, selection).map((site) => planSite(site, options, values, random));
}

/** What the patterns say about a site, and whether no device will hold its values. */
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
  const vectors = vectorsOf(site, options);
  return { site, rank, alpha, scaling, dropout: options.dropout ?? 0, ...factors, ...vectors };
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
  if (init !== "kaiming" && init !== "gaussian") {
    throw new RangeError(`init must be "kaiming" or "gaussian", found ${quote(init)}`);
  }
  if (isDry) return new Float32Array(rank * width); // Values that no device holds cost seconds.
  if (init === "kaiming") return random.uniformWithin(1 / Math.sqrt(width), rank * width);
  return Float32Array.from({ length: rank * width }, () => random.normal() / rank);
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
