/** Putting updates that somebody holds in memory on a model. @module */

import { ShapeError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { formatShape } from "../../core/shape.ts";
import type { Model } from "../../models/model.ts";
import { selectSites, type Site } from "../sites.ts";
import { LoraAdapter, type LoraPlan } from "./adapter.ts";

/**
 * The update of one site, ΔW[rows, :] = scaling · B A. What `adapter.read()` gives is one, and what
 * `readAdapter` gives where its paths are the model's.
 */
export interface LoraUpdate {
  /** The site's name: `transformer.h.0.attn.c_attn:q`, or the layer's path for all of its rows. */
  readonly name: string;
  /** `(rank, in)`. */
  readonly A: HostTensor;
  /** `(rows, rank)`. */
  readonly B: HostTensor;
  /** The factor of B A. */
  readonly scaling: number;
}

/**
 * Puts updates on a model as an adapter, in force at once; none at all make an adapter that changes
 * nothing. Rank is read off A, and α is scaling · rank.
 *
 * With it every question that needs no training is a change of plain values (`updates` being what
 * `adapter.read()` gave):
 *
 * | what if | updates |
 * | --- | --- |
 * | the rank were k (the nearest of rank k, a prefix of the SVD) | `updates.map((u) => ({ ...u, ...truncateUpdate(u, k) }))`, from `@lowrank/core/analysis` |
 * | the adapter's weight, or α, were w times as large | `updates.map((u) => ({ ...u, scaling: w * u.scaling }))` |
 * | only the first layer were adapted | `updates.filter(({ name }) => name.includes(".h.0."))` |
 * | one of several adapters were missing | inject the others; adapters on one model add up |
 *
 * Cost: 4 · rank · (in + rows) bytes a site, and copying them.
 *
 * @throws {RangeError} when a name is no site of the model or comes twice, sites share rows, or a
 * scaling is not finite.
 * @throws {ShapeError} when A and B fit neither each other nor the site.
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
 * using adapter = injectUpdates(model, halved.filter(({ name }) => name.includes(".h.1.")));
 * console.log(adapter.modules.length, adapter.bytes); // 2, 2 · 4 · 2 · (8 + 8) = 256
 * ```
 */
export function injectUpdates(model: Model, updates: readonly LoraUpdate[]): LoraAdapter {
  const byName = new Map(updates.map((update) => [update.name, update]));
  if (byName.size < updates.length) {
    throw new RangeError(`a site takes one update, found two for ${twice(updates)}`);
  }
  const names = [...byName.keys()];
  const sites = names.length === 0 ? [] : selectSites(model, { sites: names });
  assertNamed(names, sites);
  return new LoraAdapter(model, sites.map((site) => planUpdate(site, byName.get(site.name)!)));
}

function twice(updates: readonly LoraUpdate[]): string {
  const names = updates.map(({ name }) => name);
  return names.find((name, i) => names.indexOf(name) !== i)!;
}

/** `selectSites` takes a role for all sites that have it; an update belongs to one. */
function assertNamed(names: readonly string[], sites: readonly Site[]): void {
  const found = new Set(sites.map(({ name }) => name));
  const role = names.find((name) => !found.has(name));
  if (role === undefined) return;
  throw new RangeError(`an update needs the name of one site, found the role "${role}"`);
}

function planUpdate(site: Site, { name, A, B, scaling }: LoraUpdate): LoraPlan {
  const rank = A.shape[0], rows = site.rows.count, width = site.linear.weight.shape[1];
  const fit = A.shape.length === 2 && B.shape.length === 2 && rank > 0 && A.shape[1] === width &&
    B.shape[0] === rows && B.shape[1] === rank;
  if (!fit) {
    const found = `${formatShape(A.shape)} and ${formatShape(B.shape)}`;
    throw new ShapeError(
      `A and B of ${name} must be (rank, ${width}) and (${rows}, rank), found ${found}`,
    );
  }
  if (!Number.isFinite(scaling)) {
    throw new RangeError(`the scaling of ${name} must be finite, found ${scaling}`);
  }
  return { site, rank, alpha: scaling * rank, scaling, dropout: 0, A: A.data, B: B.data };
}
