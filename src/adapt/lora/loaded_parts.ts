/** What a file holds beside the updates, put on a model. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { isNamed, moduleOf } from "../../core/module_names.ts";
import { oneLine } from "../../core/quote.ts";
import { formatShape, sameShape, type Shape } from "../../core/shape.ts";
import type { PeftAdapter } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { Embedding } from "../../nn/embedding.ts";
import { inFileOrder } from "../file_order.ts";
import { TokenRows } from "../token_rows.ts";
import { assertInF32 } from "../trained_modules.ts";
import { copiesOf, type TrainedParts } from "./trained_parts.ts";

/**
 * Copies of what was trained of the model itself, with the values of the file.
 *
 * @throws {RangeError} when it is not the model's, or of other shapes.
 */
export function loadedParts(
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
