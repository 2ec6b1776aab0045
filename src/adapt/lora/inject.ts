/** Injecting new LoRA sites into a model. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import { assertScaling } from "../../core/low_rank_update.ts";
import { checkPattern } from "../../core/name_patterns.ts";
import { Random } from "../../core/random.ts";
import { patternValue } from "../../formats/peft_patterns.ts";
import type { Model } from "../../models/model.ts";
import { selectSites, type Site, type SiteSelection } from "../sites.ts";
import { LoraAdapter, type LoraPlan } from "./adapter.ts";

/** How to adapt a model. */
export interface LoraOptions extends SiteSelection {
  /** r: a whole number from 1 to the smaller extent of the site. */
  readonly rank: number;
  /** α: the update is scaled by α / r. Default: `rank`, a scaling of 1 where no pattern applies. */
  readonly alpha?: number;
  /** Scale by α / √r instead (Kalajdzievski 2023). Default false. */
  readonly rankStabilized?: boolean;
  /** Share of each site's input that is zeroed while training with a dropout seed. Default 0. */
  readonly dropout?: number;
  /**
   * Ranks of some sites, like PEFT's `rank_pattern`: each key is a regular expression for a layer's
   * path or a site's name, whole or after any dot; the first match wins.
   */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** The same for α, matched independently. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Seed of A's initial values: each site has a stream of its own, whatever else is adapted. */
  readonly seed: number;
}

/** Keeps A's random stream apart from others with the same seed, such as the order of batches. */
const adapterStream = 0x4c6f5241;

/**
 * Freezes a model and gives each selected site of its linear layers a trainable low-rank update:
 * y[:, rows] += (α / r) · (x Aᵀ) Bᵀ with A `(r, in)` and B `(rows, r)`.
 *
 * A is drawn from U(−1/√in, 1/√in), Kaiming's uniform with a = √5 as in loralib and PEFT (the paper's
 * section 4.1 says a Gaussian), and B is zero: at step 0 the model computes what the base model
 * computes, bit for bit. Cost: 4 · r · (in + rows) bytes per site.
 *
 * @throws {RangeError} when a site does not exist, or a rank, alpha or dropout is out of range.
 * @throws {TypeError} when not exactly one of `sites` and `targetModules` is given.
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
  checkOptions(options);
  const random = new Random(options.seed).split(adapterStream);
  const plans = selectSites(model, options).map((site) => planSite(site, options, random));
  return new LoraAdapter(model, plans);
}

function planSite(site: Site, options: LoraOptions, random: Random): LoraPlan {
  const rank = valueFor(site, options.rankPattern) ?? options.rank;
  const alpha = valueFor(site, options.alphaPattern) ?? options.alpha ?? options.rank;
  const width = site.linear.weight.shape[1];
  checkRank(site, rank, width);
  checkAlpha(alpha, site.name);
  const scaling = alpha / (options.rankStabilized ? Math.sqrt(rank) : rank);
  assertScaling(scaling, site.name);
  const A = random.split(site.index).uniformWithin(1 / Math.sqrt(width), rank * width);
  return { site, rank, alpha, scaling, dropout: options.dropout ?? 0, A };
}

function valueFor(
  { name, linear }: Site,
  pattern: Readonly<Record<string, number>> = {},
): number | undefined {
  const entry = Object.entries(pattern).find(([key, value]) =>
    [linear.name, name].some((path) => patternValue({ [key]: value }, path) !== undefined)
  );
  return entry?.[1];
}

function checkOptions({ dropout = 0, rankPattern = {}, alphaPattern = {} }: LoraOptions): void {
  assertDropout("dropout", dropout);
  for (const pattern of Object.keys(rankPattern)) checkPattern(pattern, "rankPattern");
  for (const pattern of Object.keys(alphaPattern)) checkPattern(pattern, "alphaPattern");
}

function checkRank({ name, rows }: Site, rank: number, width: number): void {
  const most = Math.min(rows.count, width);
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= most)) {
    throw new RangeError(
      `the rank of ${name} must be a whole number from 1 to ${most}, found ${rank}`,
    );
  }
}

function checkAlpha(alpha: number, name: string): void {
  if (!Number.isFinite(alpha)) {
    throw new RangeError(`alpha of ${name} must be a finite number, found ${alpha}`);
  }
}
