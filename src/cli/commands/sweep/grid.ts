/** The file of a sweep: options of `train`, of which some have several values. @module */

import { isRecord, isText, parseUniqueJson } from "../../../core/checks.ts";
import { oneLine, quote } from "../../../core/errors.ts";
import { mostSweepRuns } from "../../../core/limits.ts";
import { DryDevice } from "../../../device/dry.ts";
import type { Device, DeviceKind } from "../../../device/mod.ts";
import { storedFormsIn } from "../../../models/files.ts";
import { withLabels } from "../../../models/labels.ts";
import {
  accuracyOn,
  allocateModel,
  countTrainable,
  loadModel,
  readConfig,
} from "../../../models/mod.ts";
import type { Rule } from "../../../methods/option.ts";
import {
  allocateMethod,
  applyMethod,
  hashOf,
  run,
  type RunFiles,
  runFiles,
  type RunResult,
  type RunSpec,
} from "../../../runs/mod.ts";
import { readJson, writeJsonAtomic } from "../../../storage/files.ts";
import { kindOf } from "../../../storage/storage.ts";
import { isDiverged } from "../../../train/evaluate.ts";
import { removeCheckpoint, type StepEvent } from "../../../train/mod.ts";
import { assertAllTrainable } from "../../../train/trainer.ts";
import type { Fields } from "../../cases.ts";
import { Command, commonOptions } from "../../command.ts";
import { baseTypeOf, type CommanderError } from "../../options.ts";
import { trainCommand } from "../train/command.ts";
import { readTrainData } from "../train/data.ts";
import { measuredOf, recordOf, type TrainedRecord } from "../train/folder.ts";
import { checkFields } from "../train/method.ts";
import type { TrainOptions } from "../train/options.ts";
import {
  modelSpec,
  readRequest,
  type RequestReaders,
  type TrainRequest,
} from "../train/request.ts";

/** The value of an option as in the file. */
export type OptionValue = string | number;

/** One value of every option. */
export type Choice = Readonly<Record<string, OptionValue>>;

/** The content of the file. */
export interface SweepGrid {
  /** The file's content. */
  readonly content: Fields;
  /** Every combination, in the order of the file: the values of its last list change fastest. */
  readonly choices: readonly Choice[];
  /** The options that set trainings apart, learning rate and seed excepted. */
  readonly varied: readonly string[];
}

/** Options of `train` that are the sweep's own, begin with something other than a base and texts, or have no value. */
const notSwept = [
  ...["output", "batches", "adapter", "allow", "device", "json", "quiet"],
  "activation-checkpointing",
];

/** Options that tell apart the trainings of one setting. */
const repeatedOptions: readonly string[] = ["learning-rate", "seed"];

const isValue = (value: unknown): boolean => isText(value) || Number.isFinite(value);

const isList = (value: unknown, isItem: (item: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.length > 0 && value.every(isItem);

const isDistinct = (list: readonly unknown[]): boolean => new Set(list).size === list.length;

const oneOrMore: Rule = {
  words: "a text, a number, or a list of at least one of these, each once",
  holds: (value) => isValue(value) || isList(value, isValue) && isDistinct(value),
};

const methodList: Rule = {
  words: 'a list of at least one object such as {"method": "lora", "rank": [1, 8]}',
  holds: (value) => isList(value, isRecord),
};

/**
 * Reads `{"model", "data", "methods": [{"method", "rank": [1, 8]}], "learning-rate": [0.001, 0.01], ...}`: any
 * options of `train`, with a value or a list of values.
 *
 * @throws {SyntaxError} when a field is unknown, a list is empty, or a value is neither a text nor a number.
 * @throws {RangeError} when there are more than 10,000 combinations.
 */
export async function readGrid(path: string): Promise<SweepGrid> {
  const rules = Object.fromEntries(optionNames().map((name) => [name, oneOrMore]));
  const content = checkFields(path, await readJson(path, parseUniqueJson), {
    ...rules,
    methods: methodList,
  });
  const { methods = [{}], ...shared } = content;
  const parts = (methods as unknown[]).map((method, i) => {
    const own = checkFields(`${path}, methods[${i}]`, method, rules);
    return { ...own, ...shared, ...own }; // Rates and seeds change fastest; a method may have its own.
  });
  const runs = parts.reduce((sum, part) => sum + combinations(part), 0);
  if (runs > mostSweepRuns) {
    throw new RangeError(
      `a sweep may have at most ${mostSweepRuns} trainings, ${path} has ${runs}`,
    );
  }
  const own = (methods as Fields[]).flatMap((method) => Object.keys(method));
  const lists = Object.keys(shared).filter((name) => valuesOf(shared[name]).length > 1);
  const varied = [...new Set([...own, ...lists])].filter((name) => !repeatedOptions.includes(name));
  return { content, choices: parts.flatMap(crossed), varied };
}

/**
 * The options of the training of a choice, as the command line would give them.
 *
 * @throws {RangeError} when an option is missing or its value is not allowed.
 */
export function optionsOf(choice: Choice, output: string): TrainOptions {
  const parser = trainParser(), given = Object.entries({ ...choice, output });
  try {
    parser.parse(given.map(([name, value]) => `--${name}=${value}`), { from: "user" });
  } catch (error) {
    const { message } = error as CommanderError;
    throw new RangeError(
      message.replace(/^error: /, "").replace(/\.$/, "")
        .replace(/ argument '(.*)' is/s, (_, value) => ` argument ${quote(value)} is`),
    );
  }
  return parser.opts<TrainOptions>();
}

/** Reads the options of `train` from words, and does nothing with them. */
function trainParser(): Command {
  const parser = new Command("train").exitOverride().configureOutput({ outputError: () => {} });
  for (const option of allOptions()) parser.addOption(option);
  return parser;
}

const allOptions = () => [...trainCommand.options ?? [], ...commonOptions(trainCommand)];

const optionNames = (): string[] =>
  allOptions().map(({ long }) => long!.slice(2)).filter((name) => !notSwept.includes(name));

const valuesOf = (value: unknown): readonly OptionValue[] => [value].flat() as OptionValue[];

const combinations = (fields: Fields): number =>
  Object.values(fields).reduce<number>((product, value) => product * valuesOf(value).length, 1);

/** Every combination of the values of fields. */
const crossed = (fields: Fields): Choice[] =>
  Object.entries(fields).reduce<Choice[]>(
    (choices, [name, value]) =>
      choices.flatMap((choice) => valuesOf(value).map((one) => ({ ...choice, [name]: one }))),
    [{}],
  );

/** One training of a sweep. */
export interface SweepTraining {
  /** The options that set it apart, learning rate and seed excepted: `lora rank=8`. */
  readonly setting: string;
  /** The same with learning rate and seed, one by one. */
  readonly words: readonly string[];
  /** The name of its folder. */
  readonly hash: string;
  /** Everything that its result depends on. */
  readonly spec: RunSpec;
  /** Number of trained values. */
  readonly trainable: number;
  /** As the command line would give them. */
  readonly options: TrainOptions;
  /** Its batches, and what else `train` knows. */
  readonly request: TrainRequest;
}

/**
 * Reads and checks every training, and puts each method on a model without values: what does not fit is
 * refused before hours are spent.
 *
 * @throws {RangeError} when a training is one that `train` refuses, has no held-out texts, or is there twice.
 */
export async function planSweep(
  path: string,
  { choices, varied }: SweepGrid,
  output: string,
  device: DeviceKind,
): Promise<SweepTraining[]> {
  const readers = rememberingReaders(), count = remembered(countIn, keyOfModel);
  const trainings = new Map<string, SweepTraining>();
  for (const choice of choices) {
    const words = pairsOf(choice, [...varied, ...repeatedOptions]).join(" ");
    const training = await within([path, words].filter((one) => one).join(": "), async () => {
      const options = optionsOf(choice, output), request = await readRequest(options, readers);
      assertHeldOut(request);
      const spec = { ...request.spec, device }, trainable = await count(options, request);
      const own = varied.filter((name) => name !== "method");
      const parts = [spec.method.kind, ...pairsOf(choice, own)], setting = parts.join(" ");
      const { training: { learningRate }, seed } = spec;
      const words = [...parts, `learning-rate=${learningRate}`, `seed=${seed}`];
      return { setting, words, hash: await hashOf(spec), spec, trainable, options, request };
    });
    const same = trainings.get(training.hash);
    if (same) {
      const both = [same, training].map(({ words }) => words.join(" ")).join(", ");
      throw new RangeError(
        `${path} has one training twice: ${both} (no setting of the result differs)`,
      );
    }
    trainings.set(training.hash, training);
  }
  return [...trainings.values()];
}

/** `rank=8`, of the options of these names that have a value. */
const pairsOf = (choice: Choice, names: readonly string[]): string[] =>
  names.filter((name) => choice[name] !== undefined).map((name) =>
    oneLine(`${name}=${choice[name]}`)
  );

/** Says in which training something is wrong. */
async function within<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new RangeError(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

function assertHeldOut({ validation }: TrainRequest): void {
  if (validation.length > 0) return;
  throw new RangeError("a sweep compares held-out losses: it needs held-out texts, found none");
}

/** The number of values that a method trains of a model, whose weights are not read; throws where it cannot. */
async function countIn(
  options: TrainOptions,
  { spec: { method }, newLabels: labels }: TrainRequest,
): Promise<number> {
  const config = await readConfig(options.model);
  const forms = await storedFormsIn(options.model, { dtype: baseTypeOf(options), labels });
  using device = new DryDevice();
  const shaped = labels ? withLabels(config, labels) : config;
  using model = allocateModel(device, shaped, undefined, forms);
  using _ = allocateMethod(model, method, 0);
  assertAllTrainable(model);
  return countTrainable(model);
}

const keyOfModel = (
  { model, baseDtype }: TrainOptions,
  { spec: { method }, newLabels }: TrainRequest,
) => JSON.stringify([model, baseDtype, method, newLabels]);

/** Readers that read each file once, however many trainings ask for it. */
const rememberingReaders = (): RequestReaders => ({
  readTexts: remembered(readTrainData, (data, options, { positions }) => {
    const { model, validation, promptTemplate, batchSize, tokensPerStep, batchOrder, seed } =
      options;
    const batching = [batchSize, tokensPerStep, batchOrder];
    return JSON.stringify([data, model, validation, promptTemplate, batching, seed, positions]);
  }),
  readModel: remembered(modelSpec, ({ model, baseDtype }) => JSON.stringify([model, baseDtype])),
});

/** A function that is called once for each key. */
function remembered<Args extends unknown[], T>(
  call: (...args: Args) => Promise<T>,
  keyOf: (...args: Args) => string,
): (...args: Args) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (...args) => {
    const key = keyOf(...args), found = known.get(key) ?? call(...args);
    known.set(key, found);
    return found;
  };
}

/** The result of one training of a sweep. */
export interface SweepRow {
  /** The options that set it apart, learning rate and seed excepted. */
  readonly setting: string;
  /** Its learning rate. */
  readonly learningRate: number;
  /** Its seed. */
  readonly seed: number;
  /** Number of trained values. */
  readonly trainable: number;
  /** The name of its folder. */
  readonly run: string;
  /** Completed steps. */
  readonly steps?: number;
  /** The held-out loss before training and at its lowest. */
  readonly heldOut?: TrainedRecord["heldOut"];
  /** The share of held-out texts whose label is right, of a classifier. */
  readonly accuracy?: number;
  /** The number of held-out prompts that are answered right, where texts have prompts. */
  readonly answers?: TrainedRecord["answers"];
  /** The reason for no result: a value that is not finite. */
  readonly diverged?: string;
}

/** The place that trainings are made in. */
export interface SweepPlace {
  /** The device. */
  readonly device: Device;
  /** Folder of all runs. */
  readonly folder: string;
  /** Stops at the next step. */
  readonly signal: AbortSignal;
  /** Called after each step. */
  readonly onStep: (event: StepEvent) => void;
}

/**
 * Makes a training, or reads it where it is finished. One that has diverged is not made again: it would
 * diverge again.
 *
 * @throws {Error} when another process makes it, or the folder cannot be written.
 * @throws The signal's reason when it was stopped; call again to resume.
 */
export async function makeTraining(training: SweepTraining, place: SweepPlace): Promise<SweepRow> {
  const { setting, spec, trainable, hash } = training, { training: { learningRate }, seed } = spec;
  const row = { setting, learningRate, seed, trainable, run: hash };
  const files = await runFiles(place.folder, spec), file = divergedIn(files);
  const known = await readDivergence(file);
  if (known !== undefined) return { ...row, diverged: known };
  try {
    const { log, metrics } = await runTraining(training, place);
    const { steps, heldOut } = recordOf(log, trainable);
    return { ...row, steps, heldOut, ...metrics };
  } catch (error) {
    if (!isDiverged(error)) throw error;
    await writeJsonAtomic(file, { diverged: error.message });
    await removeCheckpoint(files.checkpoint);
    return { ...row, diverged: error.message };
  }
}

function runTraining(
  { options, request, spec }: SweepTraining,
  { onStep, ...place }: SweepPlace,
): Promise<RunResult> {
  const { batches, validation, labels, newLabels } = request, { device } = place;
  const dtype = baseTypeOf(options);
  return run(spec, {
    ...place,
    openModel: () => loadModel(device, options.model, { labels: newLabels, dtype }),
    openBatches: () => batches,
    openValidation: () => validation,
    adapt: (model) => applyMethod(model, spec.method, spec.seed, options.model),
    checkpointEvery: request.checkpointEvery,
    onProgress: onStep,
    measure: async (model) =>
      labels ? { accuracy: await accuracyOn(model, validation) } : await measuredOf(model, request),
  });
}

/** The trainings, by their hashes, that are finished or have diverged. */
export async function madeIn(
  folder: string,
  trainings: readonly Pick<SweepTraining, "spec" | "hash">[],
): Promise<Set<string>> {
  const made = new Set<string>();
  for (const { spec, hash } of trainings) {
    const files = await runFiles(folder, spec), ends = [files.done, divergedIn(files)];
    if ((await Promise.all(ends.map(kindOf))).includes("file")) made.add(hash);
  }
  return made;
}

const divergedIn = ({ folder }: RunFiles): string => `${folder}/diverged.json`;

/** The reason why a training diverged; undefined where it has not. */
async function readDivergence(file: string): Promise<string | undefined> {
  if (await kindOf(file) !== "file") return undefined;
  const found = await readJson(file);
  if (isRecord(found) && isText(found.diverged)) return found.diverged;
  throw new SyntaxError(`cannot read ${file}: it is not what a sweep wrote; remove it`);
}
