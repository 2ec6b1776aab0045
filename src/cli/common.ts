/** What the commands share: options, devices, models with adapters, output. @module */

import { type Command, Option } from "./commander.ts";
import { loadAdapter, type LoraAdapter } from "../adapt/mod.ts";
import { type Device, openDevice } from "../device/mod.ts";
import { loadModel, type TextModel } from "../models/mod.ts";
import { wholeNumber } from "./arguments.ts";

/** Options that every command takes. */
export interface CommonOptions {
  /** Which device to open. */
  readonly device: "auto" | "cpu" | "webgpu";
  /** One JSON document on standard output and nothing else there. */
  readonly json?: boolean;
  /** Seed of all random draws. */
  readonly seed: number;
  /** No progress and no notes on standard error. */
  readonly quiet?: boolean;
}

/** Adds them, after a command's own. */
export function addCommonOptions(command: Command): void {
  command.optionsGroup("Common options:")
    .addOption(
      new Option("--device <kind>", "where to compute; auto takes a GPU if there is one, else cpu")
        .choices(["auto", "cpu", "webgpu"])
        .default("auto"),
    )
    .option("--json", "print one JSON document and nothing else on standard output")
    .option("--seed <n>", "seed of all random draws", wholeNumber, 0)
    .option("--quiet", "no progress and no notes on standard error");
}

/** Opens the device that was asked for and says on standard error which one it is. */
export async function openChosen(options: CommonOptions): Promise<Device> {
  const { device } = options;
  const opened = await openDevice(device === "auto" ? {} : { kind: device });
  note(options, `device: ${opened.description}`);
  return opened;
}

/** A model with its adapters, freed together. */
export interface Loaded extends Disposable {
  /** The model. */
  readonly model: TextModel;
  /** Its adapters in the order in which they were named. */
  readonly adapters: readonly LoraAdapter[];
}

/** Loads a model and adds adapters to it. */
export async function loadAdapted(
  device: Device,
  folder: string,
  adapterFolders: readonly string[] = [],
): Promise<Loaded> {
  using stack = new DisposableStack();
  const model = stack.use(await loadModel(device, folder));
  const adapters: LoraAdapter[] = [];
  for (const adapter of adapterFolders) {
    adapters.push(stack.use(await loadAdapter(model, adapter)));
  }
  const owned = stack.move();
  return { model, adapters, [Symbol.dispose]: () => owned.dispose() };
}

/** Prints a result: one JSON document, or text for people. */
export function print(options: CommonOptions, document: unknown, text: () => string): void {
  console.log(options.json ? JSON.stringify(document) : text());
}

/** Ends a command whose result is a file: one JSON document, or a note for people. */
export function printWritten(options: CommonOptions, document: unknown, text: string): void {
  if (options.json) console.log(JSON.stringify(document));
  else note(options, text);
}

/** A note for people, on standard error. */
export function note({ quiet }: CommonOptions, text: string): void {
  if (!quiet) console.error(text);
}
