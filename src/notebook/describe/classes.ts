/** What is shown of an instance of each class. @module */

import { LoraAdapter } from "../../adapt/lora/adapter.ts";
import { Parameter } from "../../autograd/parameter.ts";
import { BaseDevice } from "../../device/base.ts";
import { Ledger } from "../../device/ledger.ts";
import { Tensor } from "../../device/device.ts";
import { PromptedBatches } from "../../data/mod.ts";
import { LiveSpectra } from "../../inspect/mod.ts";
import { TextModel } from "../../models/mod.ts";
import { History, Training } from "../../train/mod.ts";
import type { Part } from "../part.ts";
import { batchesTable } from "./batches.ts";
import { ledgerTable } from "./ledger.ts";
import { adapterTable, modelTable } from "./model.ts";
import { describeTensor } from "./tensor.ts";
import { describeLiveSpectra, describeTraining, historyFigure } from "./training.ts";

/** A class and how its instances are shown. */
interface Shown<T> {
  /** The class. */
  readonly class: { readonly prototype: T };
  /** The parts that are shown. */
  show(value: T): readonly Part[] | Promise<readonly Part[]>;
}

/** The classes whose instances are shown when they end a cell. */
export const shownClasses: readonly Shown<object>[] = [
  shown(TextModel, (model) => [modelTable(model)]),
  shown(LoraAdapter, (adapter) => [adapterTable(adapter)]),
  shown(PromptedBatches, (batches) => [batchesTable(batches)]),
  shown(Training, describeTraining),
  shown(History, (history) => [historyFigure(history)]),
  shown(LiveSpectra, describeLiveSpectra),
  shown(Ledger, (ledger) => [ledgerTable(ledger)]),
  shown(BaseDevice, (device) => [device.description, ledgerTable(device.ledger)]),
  shown(Tensor, readTensor),
  shown(Parameter, async ({ name, tensor }) => [name, ...await readTensor(tensor)]),
];

function shown<T extends object>(type: Shown<T>["class"], show: Shown<T>["show"]): Shown<object> {
  return { class: type, show } as unknown as Shown<object>;
}

/** Whether a value is an instance of one of these classes. */
export const isShownInstance = (value: object): boolean => classOf(value) !== undefined;

const classOf = (value: object) =>
  shownClasses.find(({ class: { prototype } }) =>
    Object.prototype.isPrototypeOf.call(prototype, value)
  );

/** The parts for an instance of one of these classes; undefined for anything else. */
export async function describeClass(value: object): Promise<readonly Part[] | undefined> {
  return await classOf(value)?.show(value);
}

async function readTensor(tensor: Tensor): Promise<Part[]> {
  const [values] = await tensor.device.read(tensor);
  return [describeTensor(values)];
}
