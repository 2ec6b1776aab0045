/** Injecting updates from host memory into a model. @module */

import { assertRecord } from "../../core/json.ts";
import { assertUpdate, type LowRankUpdate } from "../../core/low_rank_update.ts";
import { listNames, nameTwice } from "../../core/module_names.ts";
import { assertOptions } from "../../core/options.ts";
import { quote } from "../../core/quote.ts";
import { rangesOf, sameRows } from "../../core/row_range.ts";
import { alphaOf, type TrainedUpdate } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { assertFree, type JoinOptions } from "../attach.ts";
import { type AdaptedLayer, Embedding } from "../../nn/embedding.ts";
import { addressOf, type LayerSites, selectSites, type Site, sitesByLayer } from "../sites.ts";
import { LoraAdapter } from "./adapter.ts";
import type { LoraPlan } from "./plan.ts";

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
 * Throws unless it is a list of records: callers without types may pass an adapter.
 *
 * @throws {TypeError} then.
 */
export function assertUpdates(action: string, updates: readonly LowRankUpdate[]): void {
  if (!Array.isArray(updates)) {
    throw new TypeError(`${action} needs a list of updates, found ${quote(updates)}`);
  }
  for (const update of updates) assertRecord(`an update of ${action}`, update);
}

/** What a file records about its updates besides their values. */
export interface UpdateSettings {
  /** Share of each site's input that is zeroed while training. Default 0. */
  readonly dropout?: number;
  /** True if scalings are α / √r. Default false. */
  readonly rankStabilized?: boolean;
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
  const { linear, rows } = site, { A, B, scaling } = update, { dropout = 0 } = settings;
  assertUpdate({ ...addressOf(linear, rows), A, B, scaling }, linear.extents);
  assertKind(linear, update);
  const alpha = alphaOf(update, settings);
  const vectors = { bias: update.bias?.data, magnitude: update.magnitude?.data };
  return { site, rank: A.shape[0], alpha, scaling, dropout, A: A.data, B: B.data, ...vectors };
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
