/** LoRA adapters from PEFT folders. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import { AdapterFileError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { assertOptions } from "../../core/options.ts";
import { type Folder, folderName } from "../../core/storage.ts";
import { adapterFile } from "../../formats/merged_metadata.ts";
import { Exceptions } from "../../formats/adapter_exceptions.ts";
import { type AdapterException, type PeftAdapter, readAdapter } from "../../formats/mod.ts";
import type { AdapterValues, Model } from "../../models/model.ts";
import { assertFree, assertNotIn, type JoinOptions } from "../attach.ts";
import { LoraAdapter } from "./adapter.ts";
import { planUpdates } from "./inject_updates.ts";
import { loadedParts } from "./loaded_parts.ts";
import type { LoadRecord, MatchedModule } from "./load_record.ts";
import { assertNoneMissing, matchLayers, splitKnown } from "./match_layers.ts";
import type { LoraPlan } from "./plan.ts";

/** How {@link loadAdapter} injects an adapter. */
export interface LoadAdapterOptions extends JoinOptions {
  /** Share of each site's input that is zeroed while training, in [0, 1). Default: the folder's. */
  readonly dropout?: number;
  /** What may pass that stops the loader, by name. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}

/**
 * Reads a PEFT folder and injects the adapter into a model, trainable and with the base frozen.
 *
 * A module in the file belongs to the layer with the same path or, if there is none, to the one layer
 * where either path ends with the other: files written with and without `transformer.` both fit. A
 * module becomes the sites that it was saved from (`q`, `v`), which our files name. In other files, a
 * module whose B is zero outside the rows of some sites becomes those sites; any other module,
 * including one whose B is all zero, becomes one site of all rows.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, or this one is on the model or in
 * its weights already, or `dropout` is out of range.
 * @throws {AdapterFileError} when the folder is broken, a module matches no layer or several, or its
 * shapes or sites are not the layer's.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, loadAdapter, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const folder = await Deno.makeTempDir();
 * {
 *   using adapter = injectLora(model, { rank: 2, alpha: 4, sites: ["q", "v"], seed: 1 });
 *   await adapter.save(folder);
 * }
 * using adapter = await loadAdapter(model, folder);
 * console.log(adapter.sites.map(({ rank }) => rank)); // 2, 2
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function loadAdapter(
  model: Model,
  folder: Folder,
  options: LoadAdapterOptions = {},
): Promise<LoraAdapter> {
  assertOptions("loadAdapter", options, { dropout: true, onTop: true, allow: true });
  assertFree(model, options, "loadAdapter");
  if (options.dropout !== undefined) assertDropout("dropout", options.dropout);
  const { read, values, plans, record } = await readPlans(model, folder, options);
  assertFree(model, options, "loadAdapter"); // Another may have come while this one was read.
  const parts = usable(folder, () => loadedParts(model, read));
  const adapter = new LoraAdapter(model, plans, parts);
  const { promptFormat, start: randomStart } = read;
  return Object.assign(adapter, { values, promptFormat, randomStart, loaded: record });
}

/** What was read of a folder, and what its updates are on a model. */
export interface ReadPlans {
  /** All that was read. */
  readonly read: PeftAdapter;
  /** By what its values are recognized. */
  readonly values: AdapterValues;
  /** Its sites on the model. */
  readonly plans: LoraPlan[];
  /** How its modules were matched. */
  readonly record: LoadRecord;
}

/**
 * Reads a PEFT folder and matches its updates to a model, on which it puts nothing.
 *
 * @throws {RangeError} when the adapter is on the model or in its weights already.
 * @throws {AdapterFileError} when the folder is broken, or does not fit the model.
 */
export async function readPlans(
  model: Model,
  folder: Folder,
  options: Omit<LoadAdapterOptions, "onTop">,
): Promise<ReadPlans> {
  const read = await readAdapter(folder, { withSaved: true, allow: options.allow });
  const values = { file: await adapterFile(folder) };
  assertNotIn(model, values);
  return { read, values, ...usable(folder, () => plansOf(model, read, options)) };
}

/** Says of which folder it is when what was read does not fit the model. */
function usable<T>(folder: Folder, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const { message: reason } = error, place = folderName(folder);
    throw new AdapterFileError(`cannot use the adapter in ${place}: ${reason}`, {
      cause: error,
      reason,
    });
  }
}

function plansOf(
  model: Model,
  { config, updates, passed }: PeftAdapter,
  { dropout = config.dropout, allow }: LoadAdapterOptions,
): { plans: LoraPlan[]; record: LoadRecord } {
  const layers = matchLayers(model, updates), exceptions = new Exceptions(allow);
  assertNoneMissing(config, model, layers, exceptions);
  const own = updates.flatMap((update) => splitKnown(layers.get(update.module)!, update));
  const plans = planUpdates(model, own, { dropout, rankStabilized: config.rankStabilized });
  const modules = Map.groupBy(updates, ({ module }) => module);
  const matched = [...modules].map(([module, sites]): MatchedModule => ({
    module,
    layer: layers.get(module)!.linear.name,
    rank: sites.reduce((sum, { A }) => sum + A.shape[0], 0),
    scaling: sites[0].scaling,
    isZero: sites.every(({ A, B }) => [A, B].some(isAllZero)),
  }));
  return { plans, record: { matched, passed: [...passed, ...exceptions.passed] } };
}

const isAllZero = ({ data }: HostTensor): boolean => data.every((value) => value === 0);
