/** Plan of the changes that adapters make in the files of a base model. @module */

import type { PromptFormat } from "../../core/batch.ts";
import { oneLine } from "../../core/errors.ts";
import { isNamed, moduleOf } from "../../core/module_names.ts";
import { formatShape, type HostTensor, sameShape } from "../../core/tensor.ts";
import { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { parseMerged } from "../../formats/peft/base_metadata.ts";
import type { AdapterRecord } from "../../formats/peft/record.ts";
import { isTable } from "../../formats/peft/keys.ts";
import type { AdapterException } from "../../formats/peft/read.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { folderName } from "../../storage/storage.ts";
import { assertNotIn } from "../adapter.ts";
import { foundIn, methodOf, refuseMethod } from "../load.ts";
import { usable } from "../loader.ts";
import { adapting, adaptingOf } from "../methods.ts";
import { assertRows } from "../trained_modules.ts";
import { changedBias, MergeSums, type WeightChange } from "./change.ts";
import { type NewHead, newHead, sameHead } from "./new_head.ts";

/**
 * The method of an adapter that is to be merged into a base.
 *
 * @throws {RangeError} when it does not change weights.
 */
async function mergingMethod(open: AdapterFolder) {
  const method = await methodOf(open);
  if (method !== undefined && !adaptingOf(method)) usable(open.folder, () => refuseMethod(method));
  const { loader, merge, assertWhole } =
    (method === undefined ? adapting.lora : adaptingOf(method)) ?? {};
  if (loader && merge) return { loader, merge, assertWhole };
  throw new RangeError(
    `merging needs an adapter that changes weights, found ${await foundIn(open, method)}`,
  );
}

/** All that adapters change. */
export interface MergePlan {
  /** Weights by their names in the file, in the order of the adapters. */
  readonly weights: Map<string, WeightChange>;
  /** Tensors that were trained in full, by their names in the file. */
  readonly saved: Map<string, HostTensor>;
  /** The adapters in the merged model, those that the base contains first: lines of its metadata. */
  readonly merged: string[];
  /** Faults of the adapters that were let pass. */
  readonly passed: string[];
  /** Format of the prompts of the last adapter that records it. */
  promptFormat?: PromptFormat;
  /** The configuration and the names of tensors: the base's, or those beside a new head. */
  head: NewHead;
}

/**
 * Reads adapters and finds what they change.
 *
 * @throws {AdapterFileError} when a folder is not an adapter that can be read.
 * @throws {RangeError} when the base has no weight that fits, or contains an adapter already.
 */
export async function planMerge(
  base: BaseFile,
  folders: readonly string[],
  allow?: readonly AdapterException[],
): Promise<MergePlan> {
  const before = parseMerged(base.file.metadata), added: string[] = [];
  const plan: MergePlan = {
    weights: new Map(),
    saved: new Map(),
    merged: before,
    passed: [],
    head: sameHead(base.config),
  };
  for (const folder of folders) {
    using open = new AdapterFolder(folder);
    const { loader, merge, assertWhole } = await mergingMethod(open);
    const read = await loader.read(open, { allow }), file = await open.line();
    const adapter = await usable(folder, () => merge(base, read));
    const acting = added.map((file) => ({ values: { file } }));
    assertNotIn({ merged: before.map((file) => ({ file })), adapters: acting }, { file });
    added.push(file);
    if ("passed" in read) plan.passed.push(...read.passed);
    addUpdates(plan, base, adapter);
    for (const { key, module, ...change } of adapter.changes ?? []) {
      changeAt(plan.weights, key, module).updates.push(change);
    }
    addRows(plan, base, adapter);
    await addSaved(plan, base, open, adapter);
    assertWhole?.(base, folder, read, plan.head.config);
    await addBiases(plan, base, folder, adapter);
    plan.promptFormat = adapter.promptFormat ?? plan.promptFormat;
  }
  // PEFT saves the weights of adapted embeddings and heads too.
  const twice = [...plan.saved.keys()].find((key) => plan.weights.has(key) && !isTable(key));
  if (twice === undefined) return { ...plan, merged: [...before, ...added] };
  throw new RangeError(
    `a weight must be adapted or trained in full, not both, found ${oneLine(twice)}`,
  );
}

function addUpdates({ weights }: MergePlan, base: BaseFile, { updates }: AdapterRecord): void {
  const modules = new Map<string, string>();
  for (const update of updates) {
    const { module } = update, { key, isTransposed } = base.locate(update);
    base.assertUntied(module);
    if ((modules.get(key) ?? module) !== module) {
      throw new RangeError(
        `a weight takes one module of an adapter, found two for ${oneLine(key)}`,
      );
    }
    modules.set(key, module);
    changeAt(weights, key, module).updates.push({ update, isTransposed });
  }
}

/** The change of a weight, a new one if there is none yet. */
function changeAt(weights: MergePlan["weights"], key: string, module: string): WeightChange {
  const change = weights.get(key) ?? { module, updates: [], sums: new MergeSums() };
  weights.set(key, change);
  return change;
}

/** Rows that were trained are also those of a head that shares the table, as in PEFT. */
function addRows(
  { weights }: MergePlan,
  base: BaseFile,
  { rows = new Map() }: AdapterRecord,
): void {
  for (const [module, trained] of rows) {
    const key = base.tableOf(module), change = changeAt(weights, key, module);
    assertRows(oneLine(module), base.file.tensors.get(key)!.shape, trained);
    if (change.rows) {
      throw new RangeError(
        `trained tokens of a table must come from one adapter, found two for ${oneLine(key)}`,
      );
    }
    change.rows = trained;
  }
}

async function addSaved(
  plan: MergePlan,
  base: BaseFile,
  open: AdapterFolder,
  { saved: inFull = new Map(), biases = new Map(), savedModules = [] }: AdapterRecord,
): Promise<void> {
  const saved = new Map([...inFull, ...biases]);
  for (const name of saved.keys()) {
    // PEFT unties an embedding that it trains in full; a table that it saves by itself is the head's too.
    const isOwn = savedModules.some((module) => isNamed(moduleOf(name), module));
    if (isOwn && base.find(name).length === 1) base.assertUntied(moduleOf(name));
  }
  const isNew = (name: string) => base.find(name).length !== 1;
  const unknown = [...saved.keys()].filter(isNew);
  if (unknown.length > 0) plan.head = await newHead(base, open, saved);
  for (const [name, tensor] of saved) {
    const key = isNew(name) ? name : base.find(name)[0];
    const { shape } = base.file.tensors.get(key) ?? tensor;
    if (sameShape(shape, tensor.shape) && !plan.saved.has(key)) {
      plan.saved.set(key, tensor);
      continue;
    }
    const rule = plan.saved.has(key)
      ? "come from one adapter"
      : `be ${formatShape(shape)} as in the base`;
    throw new RangeError(
      `cannot merge the adapter in ${folderName(open.folder)}: ${
        oneLine(name)
      }, which was trained in full, must ${rule}, ` +
        `found ${formatShape(tensor.shape)}`,
    );
  }
}

/** b + s · bias of layers whose B has a bias; b is the adapter's own where it trained that too. */
async function addBiases(
  { saved }: MergePlan,
  base: BaseFile,
  folder: string,
  { updates }: AdapterRecord,
): Promise<void> {
  for (const { module, bias, scaling } of updates) {
    if (!bias) continue;
    const [key = "", ...others] = base.find(`${module}.bias`);
    const isInBase = base.file.tensors.has(key);
    const own = saved.get(key) ?? (isInBase ? await base.file.read(key) : undefined);
    if (own && others.length === 0 && sameShape(own.shape, bias.shape)) {
      saved.set(key, changedBias(own, bias, scaling));
      continue;
    }
    throw new RangeError(
      `cannot merge the adapter in ${folder}: a bias of B needs a bias of the layer of as many values ` +
        `(${bias.data.length}), found ${own ? formatShape(own.shape) : "none"} of "${
          oneLine(module)
        }" in ${base.folder}`,
    );
  }
}
