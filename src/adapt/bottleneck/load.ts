/** Bottlenecks from folders: ours, and those of the `adapters` library. @module */

import { AdapterFileError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { quote } from "../../core/quote.ts";
import { fileIn, type Folder, hasFile } from "../../core/storage.ts";
import { hubWeights } from "../../formats/adapter_weights.ts";
import { pickleConversion } from "../../formats/pickle.ts";
import { openSafetensorsFile } from "../../formats/safetensors.ts";
import type { Model } from "../../models/model.ts";
import { readFloats, readValues, savedModulesOf, type SavedValues } from "../saved_values.ts";
import { BottleneckAdapter } from "./adapter.ts";
import { assertExtents, parseHubConfig } from "./hub_config.ts";
import { bareName, hubAdapterName, normName } from "./hub_names.ts";

/** A head that the library trained beside the adapter, which it saves in a file of its own. */
const head = { weights: "model_head.safetensors", pickle: "pytorch_model_head.bin" };

/**
 * Reads a folder of bottlenecks, with the head that the library saved in it.
 *
 * @throws {AdapterFileError} when a file is a pickle.
 * @throws {SyntaxError} when a file is broken.
 * @throws {RangeError} when a value is not finite.
 */
export async function readBottlenecks(folder: Folder): Promise<SavedValues> {
  await assertNoPickle(folder, hubWeights, "pytorch_adapter.bin");
  const saved = await readValues(folder);
  if (isOurs(saved)) return saved; // Ours has the head among the other tensors.
  await assertNoPickle(folder, head.weights, head.pickle);
  if (!await hasFile(folder, head.weights)) return saved;
  using file = await openSafetensorsFile(fileIn(folder, head.weights));
  return { ...saved, tensors: new Map([...saved.tensors, ...await readFloats(file)]) };
}

async function assertNoPickle(folder: Folder, name: string, pickle: string): Promise<void> {
  if (await hasFile(folder, name) || !await hasFile(folder, pickle)) return;
  throw new AdapterFileError(
    `weights must be in ${name}, found ${pickle} (a pickle can run code): save it with ` +
      `use_safetensors=True, or convert it in its folder by ${pickleConversion(pickle, name)}`,
  );
}

/**
 * Puts bottlenecks on a model that have what was read. A head of the library's file is trained beside them, as
 * far as the model has its tensors itself: a head that shares an embedding is the base's.
 *
 * @throws {RangeError} when the file computes something that we do not, or does not fit the model.
 */
export function loadBottleneck(model: Model, saved: SavedValues): BottleneckAdapter {
  const { name, ...form } = parseHubConfig(saved.config), own = new Map<string, HostTensor>();
  const isOwn = (key: string) => key.includes(`.adapters.${name}.`), others: string[] = [];
  for (const [key, value] of saved.tensors) {
    if (!isOwn(key)) others.push(key);
    else if (!key.includes(normName)) own.set(ourName(model, key, name), value);
  }
  const heads = isOurs(saved) ? others : others.filter((key) => model.parameters.has(key));
  for (const key of heads) own.set(key, saved.tensors.get(key)!);
  const modulesToSave = isOurs(saved) ? savedModulesOf(saved.config) : heads;
  const extents = extentsIn(own), { size } = extents;
  assertExtents(saved.config, extents);
  const options = { ...form, modulesToSave, size };
  return new BottleneckAdapter(model, options, { ...saved, tensors: own });
}

const isOurs = ({ config }: SavedValues): boolean => config.method !== undefined;

/** The name that a tensor has on this model, which may be with or without a head. */
function ourName({ places }: Model, key: string, adapter: string): string {
  const [{ name } = { name: "" }] = places, trunk = name.slice(0, -bareName(name).length);
  return trunk + bareName(key).replace(`.adapters.${adapter}.`, `.adapters.${hubAdapterName}.`);
}

/** The widths around and between the projections, those of the first bottleneck; the others must have the same. */
function extentsIn(tensors: ReadonlyMap<string, HostTensor>) {
  const up = [...tensors].find(([name]) => name.endsWith(".adapter_up.weight"))?.[1];
  if (up?.shape.length === 2) return { width: up.shape[0], size: up.shape[1] };
  throw new RangeError(
    `the file must have an adapter_up.weight of two axes, found ${quote(up?.shape)}`,
  );
}
