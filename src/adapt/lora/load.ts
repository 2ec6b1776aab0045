/** LoRA adapters from PEFT folders. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import { AdapterFileError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { moduleOf } from "../../core/module_names.ts";
import { assertOptions } from "../../core/options.ts";
import { oneLine } from "../../core/quote.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type Folder, folderName } from "../../core/storage.ts";
import { adapterFile } from "../../formats/merged_metadata.ts";
import { Exceptions } from "../../formats/adapter_exceptions.ts";
import { type AdapterException, type PeftAdapter, readAdapter } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { assertFree, assertNotIn, type JoinOptions } from "../attach.ts";
import { TrainedModules } from "../trained_modules.ts";
import { LoraAdapter } from "./adapter.ts";
import { planUpdates } from "./inject_updates.ts";
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
  const read = await readAdapter(folder, { withSaved: true, allow: options.allow });
  const values = { file: await adapterFile(folder) };
  assertNotIn(model, values);
  assertFree(model, options, "loadAdapter"); // Another may have come while this one was read.
  const { plans, record } = plansOf(model, folder, read, options);
  assertSaved(model, folder, read.saved);
  using unfinished = new DisposableStack();
  const modules = unfinished.use(copiesOf(model, [...read.saved.keys()].map(moduleOf), read.saved));
  const biases = copiesOf(model, [...read.biases.keys()], read.biases);
  unfinished.move();
  const adapter = new LoraAdapter(model, plans, { modules, biases, biasMode: read.biasMode });
  return Object.assign(adapter, { values, promptFormat: read.promptFormat, loaded: record });
}

/** Throws unless fully trained modules are the model's, with all their parameters in their shapes. */
function assertSaved(
  { parameters }: Model,
  folder: Folder,
  saved: ReadonlyMap<string, HostTensor>,
): void {
  const modules = new Set([...saved.keys()].map(moduleOf));
  const names = [...parameters.keys()].filter((name) => modules.has(moduleOf(name)));
  const wrong = [...new Set([...saved.keys(), ...names])].find((name) => {
    const shape = saved.get(name)?.shape, own = parameters.get(name)?.shape;
    return !shape || !own || !sameShape(shape, own);
  });
  if (wrong === undefined) return;
  const found = saved.get(wrong), own = parameters.get(wrong);
  throw new AdapterFileError(
    `cannot use the adapter in ${folderName(folder)}: ${
      oneLine(wrong)
    }, which was trained in full, must be ` +
      `${own ? formatShape(own.shape) : "absent"} as in the model, found ${
        found ? formatShape(found.shape) : "none"
      }`,
  );
}

/** Copies of parameters with the values of the file. */
function copiesOf(
  model: Model,
  names: readonly string[],
  values: ReadonlyMap<string, HostTensor>,
): TrainedModules {
  const copies = new TrainedModules(model, names);
  copies.write(values);
  return copies;
}

function plansOf(
  model: Model,
  folder: Folder,
  { config, updates, passed }: PeftAdapter,
  { dropout = config.dropout, allow }: LoadAdapterOptions,
): { plans: LoraPlan[]; record: LoadRecord } {
  try {
    const layers = matchLayers(model, updates), exceptions = new Exceptions(allow);
    assertNoneMissing(config, model, layers, exceptions);
    const own = updates.flatMap((update) => splitKnown(layers.get(update.module)!, update));
    const plans = planUpdates(model, own, { dropout, rankStabilized: config.rankStabilized });
    const matched = updates.map(({ module, A, B, scaling }): MatchedModule => ({
      module,
      layer: layers.get(module)!.linear.name,
      rank: A.shape[0],
      scaling,
      isZero: B.data.every((value) => value === 0),
    }));
    return { plans, record: { matched, passed: [...passed, ...exceptions.passed] } };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const place = folderName(folder);
    throw new AdapterFileError(`cannot use the adapter in ${place}: ${error.message}`, {
      cause: error,
    });
  }
}
