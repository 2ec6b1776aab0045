/** LoRA adapters from PEFT folders. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import { assertOptions } from "../../core/checks.ts";
import { oneLine } from "../../core/errors.ts";
import { isNamed, moduleOf } from "../../core/module_names.ts";
import { formatShape, type HostTensor, sameShape, type Shape } from "../../core/tensor.ts";
import { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { type PeftAdapter, readAll } from "../../formats/peft/folder.ts";
import { Exceptions } from "../../formats/peft/read.ts";
import type { AdapterValues, Model } from "../../models/model.ts";
import { Embedding } from "../../nn/embedding.ts";
import type { Folder } from "../../storage/storage.ts";
import { assertNotIn } from "../adapter.ts";
import { type LoadAdapterOptions, type Loader, loadWith, usable } from "../loader.ts";
import { assertNoneMissing, matchLayers, splitKnown } from "../sites.ts";
import {
  assertInF32,
  copiesOf,
  inFileOrder,
  TokenRows,
  type TrainedParts,
} from "../trained_modules.ts";
import { type LoadRecord, LoraAdapter, type MatchedModule } from "./adapter.ts";
import { planUpdates } from "./inject.ts";
import type { LoraPlan } from "./site.ts";

/**
 * Copies of what was trained of the model itself, with the values of the file.
 *
 * @throws {RangeError} when it is not the model's, or of other shapes.
 */
function loadedParts(
  model: Model,
  { saved: stored, savedModules, biases: ofBase, biasMode, rows, updates }: PeftAdapter,
): TrainedParts {
  const tensors = inFileOrder(model, stored);
  assertOneUse(model, tensors, savedModules);
  // PEFT saves the weights of adapted embeddings and heads too, which it does not train.
  const adapted = new Set(updates.map(({ module }) => module));
  const isFrozen = ([name]: readonly [string, HostTensor]) => adapted.has(moduleOf(name));
  const all = [...withoutTies(model, tensors)];
  const held = new Map(
    all.filter(isFrozen).map(([name, values]) => [sharedName(model, name), values]),
  );
  const saved = new Map(all.filter((entry) => !isFrozen(entry)));
  const names = [...saved.keys()].map(moduleOf);
  const modules = new Set(names);
  const needed = [...model.parameters.keys()].filter((name) => modules.has(moduleOf(name)));
  assertFit(model, saved, needed);
  assertFit(model, ofBase);
  assertFit(model, held);
  assertInF32(model, [...held.keys()], "an adapter's file can replace the weights of");
  using unfinished = new DisposableStack();
  const copies = unfinished.use(copiesOf(model, names, saved));
  const biases = unfinished.use(copiesOf(model, [...ofBase.keys()], ofBase));
  const tables = unfinished.use(copiesOf(model, [...held.keys()], held));
  const tokens = unfinished.use(new TokenRows(model, rows));
  unfinished.move();
  return { modules: copies, biases, biasMode, tables, tokens };
}

/** A head that shares the embedding's weight is in some files twice. */
function withoutTies(
  { parameters }: Model,
  saved: ReadonlyMap<string, HostTensor>,
): Map<string, HostTensor> {
  const isTie = ([name, tensor]: readonly [string, HostTensor]) =>
    name === "lm_head.weight" && !parameters.has(name) &&
    [...saved].some(([other, values]) => other !== name && isSame(values, tensor));
  return new Map([...saved].filter((entry) => !isTie(entry)));
}

const isSame = (a: HostTensor, b: HostTensor): boolean =>
  sameShape(a.shape, b.shape) && a.data.every((value, i) => value === b.data[i]);

/**
 * Throws for a copy of an embedding that is its own alone: PEFT unties one that `modules_to_save` names. Tables
 * that it saves by itself, and ours, are the head's too.
 */
export function assertOneUse(
  { outerLayers = [] }: Model,
  saved: ReadonlyMap<string, HostTensor>,
  names: readonly string[],
): void {
  const table = outerLayers.find((layer) =>
    layer instanceof Embedding && saved.has(`${layer.name}.weight`) &&
    names.some((name) => isNamed(layer.name, name)) &&
    outerLayers.some((other) => other !== layer && other.weight.name === layer.weight.name)
  );
  if (!table) return;
  throw new RangeError(
    "modules_to_save must not name an embedding whose weight the head shares (PEFT trains a copy that the head " +
      `does not have), found ${table.name}`,
  );
}

/** The name of the model's tensor: that of the embedding for the weight of a head that is tied to it. */
function sharedName({ outerLayers = [], parameters }: Model, name: string): string {
  const layer = outerLayers.find((layer) => layer.name === moduleOf(name));
  return layer && !parameters.has(name) ? layer.weight.name : name;
}

/** The shape of a tensor of the model; of one alone for a head that is tied to an embedding, that of the two. */
function shapeOf(model: Model, name: string): Shape | undefined {
  const shared = name.endsWith(".weight") ? sharedName(model, name) : name;
  const layer = model.outerLayers?.find(({ weight }) => weight.name === shared);
  return model.parameters.get(shared)?.shape ?? layer?.weight.shape;
}

/** Throws unless tensors are the model's, in their shapes, and none of those that are needed is missing. */
function assertFit(
  model: Model,
  tensors: ReadonlyMap<string, HostTensor>,
  needed: readonly string[] = [],
): void {
  const wrong = [...new Set([...tensors.keys(), ...needed])].find((name) => {
    const shape = tensors.get(name)?.shape, own = shapeOf(model, name);
    return !shape || !own || !sameShape(shape, own);
  });
  if (wrong === undefined) return;
  const found = tensors.get(wrong), own = shapeOf(model, wrong);
  throw new RangeError(
    `${oneLine(wrong)}, which was trained in full, must be ` +
      `${own ? formatShape(own) : "absent"} as in the model, found ${
        found ? formatShape(found.shape) : "none"
      }`,
  );
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
  using open = new AdapterFolder(folder);
  return await loadWith(loraLoader, model, open, options, "lora");
}

/** Reads LoRA and puts it on a model. */
export const loraLoader: Loader<LoraAdapter> = {
  action: "loadAdapter",
  check(options) {
    assertOptions("loadAdapter", options, { dropout: true, onTop: true, allow: true });
    if (options.dropout !== undefined) assertDropout("dropout", options.dropout);
  },
  read: (folder, { allow }) => readAll(folder, { withSaved: true, allow }),
  put(model, read: PeftAdapter, folder, options) {
    const { plans, loaded } = plansOf(model, read, folder, options);
    const parts = usable(folder, () => loadedParts(model, read));
    const adapter = new LoraAdapter(model, plans, parts);
    return Object.assign(adapter, { randomStart: read.start, loaded });
  },
};

/**
 * Reads a PEFT folder and matches its updates to a model, on which it puts nothing.
 *
 * @throws {RangeError} when the adapter is on the model or in its weights already.
 * @throws {AdapterFileError} when the folder is broken, or does not fit the model.
 */
export async function readPlans(
  model: Model,
  folder: Folder,
  options: Pick<LoadAdapterOptions, "allow">,
): Promise<{ read: PeftAdapter; values: AdapterValues; plans: LoraPlan[] }> {
  using open = new AdapterFolder(folder);
  const read = await readAll(open, { withSaved: true, allow: options.allow });
  const values = { file: await open.line() };
  assertNotIn(model, values);
  return { read, values, plans: plansOf(model, read, folder, options).plans };
}

/** The sites of a file on a model, and how its modules were matched. */
function plansOf(
  model: Model,
  { config, updates, passed, freezeA }: PeftAdapter,
  folder: Folder,
  { dropout = config.dropout, allow }: LoadAdapterOptions,
): { plans: LoraPlan[]; loaded: LoadRecord } {
  const exceptions = new Exceptions(allow);
  const layers = usable(folder, () => matchLayers(model, updates));
  assertNoneMissing(config, model, layers, exceptions);
  const plans = usable(folder, () => {
    const own = updates.flatMap((update) => splitKnown(layers.get(update.module)!, update));
    return planUpdates(model, own, { dropout, rankStabilized: config.rankStabilized, freezeA });
  });
  const modules = Map.groupBy(updates, ({ module }) => module);
  const matched = [...modules].map(([module, sites]): MatchedModule => ({
    module,
    layer: layers.get(module)!.linear.name,
    rank: sites.reduce((sum, { A }) => sum + A.shape[0], 0),
    scaling: sites[0].scaling,
    isZero: sites.every(({ A, B }) => [A, B].some(isAllZero)),
  }));
  return { plans, loaded: { matched, passed: [...passed, ...exceptions.passed] } };
}

const isAllZero = ({ data }: HostTensor): boolean => data.every((value) => value === 0);
