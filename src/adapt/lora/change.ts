/** Changed copies of an adapter, which need no training. @module */

import { truncateUpdate } from "../../analysis/mod.ts";
import { assertScaling } from "../../core/low_rank_update.ts";
import { listNames } from "../../core/module_names.ts";
import { assertOptions } from "../../core/options.ts";
import { quote } from "../../core/quote.ts";
import type { TrainedUpdate } from "../../formats/mod.ts";
import type { LoraSite } from "./lora_site.ts";
import type { LoraPlan } from "./plan.ts";

/** What a changed copy of an adapter has otherwise; what is not named stays. */
export interface AdapterChange {
  /** k: the nearest update of rank k at every site whose rank is above it (Eckart and Young 1936). */
  readonly rank?: number;
  /** Factor of every ΔW: the weight of the adapter. */
  readonly scale?: number;
  /** The sites to keep, by role (`q`) or by consecutive parts of their paths (`h.0`, `attn.c_attn:v`). */
  readonly only?: readonly string[];
}

/** What the copy's sites will be, given the values of all of the adapter's. */
export function changedPlans(
  sites: readonly LoraSite[],
  updates: readonly TrainedUpdate[],
  change: AdapterChange,
): LoraPlan[] {
  assertOptions("with", change, { rank: true, scale: true, only: true });
  const { rank = Infinity, scale = 1, only } = change;
  if (!Number.isFinite(scale)) throw new RangeError(`scale must be finite, found ${quote(scale)}`);
  assertRank(rank);
  for (const name of only ?? []) assertNamed(sites, name);
  return sites.flatMap((site, i) => {
    if (only && !only.some((name) => isPart(site, name))) return [];
    const own = updates[i], isAbove = own.A.shape[0] > rank;
    const { A, B } = isAbove ? truncateUpdate(own, rank) : own;
    const { name, linear, role, rows, dropout } = site, scaling = scale * site.scaling;
    assertScaling(scaling, name);
    const settings = { rank: A.shape[0], alpha: scaling * A.shape[0], scaling, dropout };
    const factors = { A: A.data, B: B.data, bias: own.bias?.data };
    return [{ site: { name, linear, role, rows }, ...settings, ...factors }];
  });
}

function assertRank(rank: number): void {
  if (rank === Infinity || Number.isInteger(rank) && rank >= 1) return;
  throw new RangeError(`rank must be a positive integer, found ${quote(rank)}`);
}

function assertNamed(sites: readonly LoraSite[], name: string): void {
  if (sites.some((site) => isPart(site, name))) return;
  const known = listNames(sites.map(({ name }) => name));
  throw new RangeError(`only must name sites of the adapter (${known}), found ${quote(name)}`);
}

/** Whether a name is a site's role, or whole consecutive parts of its path. */
const isPart = (site: LoraSite, name: string): boolean =>
  site.role === name || dotted(site.name).includes(dotted(name));

const dotted = (path: string) => `.${String(path).replace(":", ".")}.`;
