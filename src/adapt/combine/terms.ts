/** The updates of several adapters by the weights that they change. @module */

import { matrixFactors, type WeightedUpdate } from "../../analysis/mod.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { listNames } from "../../core/module_names.ts";
import { type SiteAddress, siteName } from "../../core/site.ts";
import { comparableUpdates } from "../../formats/comparable_updates.ts";
import type { TrainedUpdate } from "../../formats/mod.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { doraDelta } from "../dora_delta.ts";
import type { WeightedRecord } from "./read_adapters.ts";

/** An update of one of the adapters. */
export interface Term {
  /** Which one, from 0. */
  readonly adapter: number;
  /** Its weight. */
  readonly weight: number;
  /** Its update. */
  readonly update: TrainedUpdate;
}

/** What adapters change at one site. */
export interface SiteTerms {
  /** Its name. */
  readonly name: string;
  /** Where it is. */
  readonly address: SiteAddress & Pick<TrainedUpdate, "isEmbedding">;
  /** In the order of the adapters; those that do not change it are left out. */
  readonly terms: readonly Term[];
}

/**
 * Puts the updates of adapters side by side, in the order of the first ones.
 *
 * @param base Checks that every update fits it; without, every adapter must share a module with another one.
 * @throws {ShapeError} when the sites of one adapter do not fit the module of another.
 * @throws {RangeError} when an update does not fit the base, or an adapter shares no module.
 */
export function alignTerms(adapters: readonly WeightedRecord[], base?: BaseFile): SiteTerms[] {
  const aligned = comparableUpdates(adapters.map(({ record }) => record.updates));
  const terms = aligned.flatMap((updates, adapter) =>
    updates.map((update) => ({ adapter, weight: adapters[adapter].weight, update }))
  );
  if (base) { for (const { update } of terms) base.locate(update); }
  else assertShared(adapters, aligned);
  return Array.from(Map.groupBy(terms, ({ update }) => siteName(update)), ([name, own]) => {
    const { module, role, rows, outputs, isEmbedding } = own[0].update;
    return { name, address: { module, role, rows, outputs, isEmbedding }, terms: own };
  });
}

/** Of another model, names would not be the same. */
function assertShared(
  adapters: readonly WeightedRecord[],
  aligned: readonly (readonly TrainedUpdate[])[],
): void {
  if (adapters.length === 1) return;
  const modules = aligned.map((updates) => new Set(updates.map(({ module }) => module)));
  const alone = modules.findIndex((own, i) =>
    modules.every((others, j) => i === j || own.isDisjointFrom(others))
  );
  if (alone < 0) return;
  const [own, other] = [modules[alone], modules[alone === 0 ? 1 : 0]].map((set) =>
    listNames([...set])
  );
  throw new RangeError(
    `combine needs adapters that share modules, found ${own} in ${
      adapters[alone].folder
    } alone and ${other} in others: give --base to say that all are of one model`,
  );
}

/**
 * The updates as factors: of DoRA the change that it makes to the base's weight, whose rank is any.
 *
 * @throws {RangeError} when that needs the base, and it is not given.
 */
export async function factorsOf(
  { terms }: SiteTerms,
  base: BaseFile | undefined,
  folders: readonly WeightedRecord[],
): Promise<WeightedUpdate[]> {
  const found: WeightedUpdate[] = [];
  for (const { adapter, weight, update } of terms) {
    const { bias: _, magnitude, ...plain } = update;
    if (!magnitude) {
      found.push({ weight, update: plain });
      continue;
    }
    if (!base) {
      throw new RangeError(
        `combine needs --base for DoRA, whose change of a weight depends on that weight, found it in ${
          folders[adapter].folder
        }`,
      );
    }
    const factors = matrixFactors(await doraDelta(update, base), update.module);
    found.push({ weight, update: factors });
  }
  return found;
}

/** Σ wᵢ sᵢ biasᵢ of the biases of B at a site, or zeros; none where no adapter has any. */
export function biasOf({ terms }: SiteTerms): HostTensor | undefined {
  const biased = terms.filter(({ update }) => update.bias);
  if (biased.length === 0) return undefined;
  const sum = new Float64Array(biased[0].update.bias!.data.length);
  for (const { weight, update: { bias, scaling } } of biased) {
    for (let i = 0; i < sum.length; i++) sum[i] += weight * scaling * bias!.data[i];
  }
  return { shape: [sum.length], data: Float32Array.from(sum) };
}
