/** The training that `train` was asked for, checked before the model is loaded. @module */

import { methodIn } from "../../../adapt/load.ts";
import { savedLength } from "../../../adapt/lora_prefix.ts";
import { quote } from "../../../core/errors.ts";
import { listNames } from "../../../core/module_names.ts";
import { boundsOf } from "../../../core/numbers.ts";
import type { Texts } from "../../../data/mod.ts";
import { assertAdapterFolder } from "../../../formats/folder_kind.ts";
import {
  type FloatDtype,
  openSafetensors,
  quantizedNames,
  readAdapter,
} from "../../../formats/mod.ts";
import { openWeights } from "../../../formats/peft/read.ts";
import { floatDtypeOf } from "../../../formats/safetensors/header.ts";
import { isStoredAsUsual, readSmallFiles } from "../../../models/files.ts";
import { isMethodKind, methodKinds, methods } from "../../../methods/mod.ts";
import type { JsonRecord, MethodSpec, RunSpec, TrainingSpec } from "../../../runs/mod.ts";
import { anyFourBitCode, isFourBitCode } from "../../../quant/quantized_tensor.ts";
import { fileDigests } from "../../../storage/digest.ts";
import {
  type Batch,
  defaultPatience,
  defaultSettings,
  type TrainedKind,
} from "../../../train/mod.ts";
import { type Fields, readBatchFile, readFacts, roomIn } from "../../cases.ts";
import { assertAllowed, assertOtherFolder } from "../../common.ts";
import {
  type AllowOption,
  type BaseDtypeOption,
  baseTypeOf,
  dtypeOf,
  optionName,
} from "../../options.ts";
import { readTrainData } from "./data.ts";
import { methodFlags, methodOf, type MethodOptions } from "./method.ts";
import {
  assertTogether,
  completeTraining,
  readTrainConfig,
  type TrainConfig,
  type TrainOptions,
  withBatching,
} from "./options.ts";

/** True if a folder has weights in 4 bits. */
async function isInFourBits(folder: string): Promise<boolean> {
  using file = await openSafetensors(folder);
  return quantizedNames(file.tensors).length > 0;
}

/**
 * Refuses LoftQ where the floats are not at hand, or nothing is taken from them.
 *
 * @throws {RangeError} when the folder is in 4 bits already, or the base is not to be quantized.
 */
async function assertStart(
  { model, baseDtype }: BaseDtypeOption & { readonly model: string },
  method: MethodSpec,
): Promise<void> {
  if (method.kind !== "lora" || method.init !== "loftq") return;
  if (await isInFourBits(model)) {
    throw new RangeError(
      `LoftQ needs the floats that a base was quantized from, found weights in 4 bits in ${model}: ` +
        "give the folder that it was made from, with --base-dtype nf4",
    );
  }
  if (isFourBitCode(baseDtype)) return;
  throw new RangeError(
    `LoftQ needs a base that is quantized: use --base-dtype ${anyFourBitCode}, found ${
      baseDtype ?? "f32, the default"
    }`,
  );
}

/** The options of a command that are about an adapter that exists. */
interface Asked extends AllowOption {
  /** The method as it would be for a new one. */
  readonly asked: MethodSpec;
  /** True if the command or the configuration names it. */
  readonly isNamed: boolean;
}

/**
 * Refuses options, and fields of a configuration's method, that an existing adapter already fixes: all but LoRA's
 * dropout, which no adapter keeps.
 *
 * @throws {RangeError} when one is given, or the method is full fine-tuning.
 */
function assertContinues(
  options: MethodOptions,
  { kind }: MethodSpec,
  configured: Fields = {},
): void {
  if (kind === "full") {
    throw new RangeError("full fine-tuning cannot continue an adapter: merge it first");
  }
  const { kind: _, ...fields } = configured;
  const given = [
    ...methodFlags.filter((name) => (options as Fields)[name] !== undefined).map(optionName),
    ...Object.keys(fields).filter((name) => kind !== "lora" || name !== "dropout")
      .map((name) => `the configuration's ${name}`),
  ];
  if (given.length === 0) return;
  throw new RangeError(`--adapter keeps its own settings: leave out ${given.join(" and ")}`);
}

/**
 * The method of an adapter that is trained further: its kind or, of LoRA, the highest rank and the largest
 * scaling of its sites.
 *
 * @throws {RangeError} when it is of another method than the one that was named, or of none that is known.
 */
async function continuedMethod(
  folder: string,
  { asked, isNamed, allow }: Asked,
): Promise<MethodSpec> {
  await assertAdapterFolder(folder);
  const found = await methodIn(folder) ?? "lora";
  if (!isMethodKind(found) || found === "full") {
    throw new RangeError(
      `the method of the adapter in ${folder} must be one of ${listNames(methodKinds)}, found ${
        quote(found)
      }`,
    );
  }
  if (isNamed && asked.kind !== found) {
    throw new RangeError(
      `--adapter keeps its own method, ${found} in ${folder}, found ${asked.kind}`,
    );
  }
  if (found !== "lora") return { kind: found } as MethodSpec;
  const { updates } = await readAdapter(folder, { withSaved: true, allow });
  const [, rank] = boundsOf(updates.map(({ A }) => A.shape[0]));
  const [, scaling] = boundsOf(updates.map(({ scaling }) => Math.abs(scaling)));
  const { dropout } = asked.kind === "lora" ? asked : {};
  return { kind: found, rank, alpha: rank * scaling, dropout };
}

/** The type in which an adapter's values are stored: that of all its tensors, or else F32. */
async function storedTypeIn(folder: string): Promise<FloatDtype> {
  using file = await openWeights(folder, {});
  return floatDtypeOf(file.tensors.values());
}

/** The training to run. */
export interface TrainRequest {
  /** Everything that the result depends on, except the device. */
  readonly spec: Omit<RunSpec, "device">;
  /** The training data. */
  readonly batches: readonly Batch[];
  /** The held-out data. */
  readonly validation: readonly Batch[];
  /** Sentences about the data that a reader needs. */
  readonly notes: readonly string[];
  /** The kind of the texts' rows. */
  readonly kind?: Texts["kind"];
  /** A prompt for such a model. */
  readonly example?: string;
  /** The labels that texts have. */
  readonly labels?: readonly string[];
  /** The labels that the model gets a new head for. */
  readonly newLabels?: readonly string[];
  /** The modules that are that head. */
  readonly head?: readonly string[];
  /** Steps between checkpoints, if it is said. */
  readonly checkpointEvery?: number;
  /** The learning rate where none is given, for texts. */
  readonly usualRate?: number;
  /** True if the command or the configuration names the method. */
  readonly isNamed: boolean;
}

/** Batches, where they are from, and settings that suit them. */
interface Material extends Omit<TrainRequest, "spec" | "isNamed"> {
  readonly data: JsonRecord;
  readonly defaults: Partial<TrainingSpec>;
}

/** Readers of a request's files; a sweep reads each once for all its requests. */
export interface RequestReaders {
  /** Reads texts. */
  readonly readTexts: typeof readTrainData;
  /** Identifies the model's files. */
  readonly readModel: typeof modelSpec;
}

/** Reads and checks everything that can be checked without loading the model. */
export async function readRequest(
  given: TrainOptions,
  { readTexts, readModel }: RequestReaders = { readTexts: readTrainData, readModel: modelSpec },
): Promise<TrainRequest> {
  const said: TrainConfig = given.config === undefined
    ? { training: {}, method: undefined }
    : await readTrainConfig(given.config);
  const options = withBatching(given, said), { adapter, data, seed } = options;
  assertTogether(options);
  const { training: configured, method: configuredMethod } = said;
  const checkpointEvery = options.checkpointEvery ?? said.checkpointEvery;
  const usual = adapter || data ? { kind: "lora" } : {};
  const asked = methodOf(options, configuredMethod ?? usual);
  if (adapter) assertContinues(options, asked, configuredMethod);
  assertAllowed(options, adapter ? [adapter] : []);
  const isNamed = (options.method ?? configuredMethod) !== undefined;
  const method = adapter
    ? await continuedMethod(adapter, { asked, isNamed, allow: options.allow })
    : asked;
  await assertStart(options, method);
  await assertOutput(options, method.kind);
  const length = adapter ? await savedLength(adapter) : "length" in method ? method.length : 0;
  const material = data === undefined
    ? await readBatches(options.batches!, options, length)
    : await readData(data, options, method, length, readTexts);
  const dtype = configured.dtype ?? (adapter ? await storedTypeIn(adapter) : undefined);
  const training = settingsOf(options, { ...material.defaults, ...configured, dtype }, material);
  assertRates(training, method);
  const model = await readModel(options);
  const spec = { model, method: withHead(method, material), data: material.data, training, seed };
  return { ...material, spec, checkpointEvery, isNamed: isNamed || method.kind !== "full" };
}

async function readBatches(
  path: string,
  { model, adapter }: TrainOptions,
  length: number,
): Promise<Material> {
  const facts = roomIn(await readFacts(model, adapter ? [adapter] : []), length);
  const { batches, digest } = await readBatchFile(path, facts);
  const defaults = facts.labelKind === "number" ? { objective: "squared-error" as const } : {};
  return { batches, validation: [], notes: [], data: { batches: digest }, defaults };
}

async function readData(
  data: string,
  options: TrainOptions,
  method: MethodSpec,
  length: number,
  readTexts: typeof readTrainData,
): Promise<Material> {
  const facts = roomIn(await readFacts(options.model), length);
  const found = await readTexts(data, options, facts);
  const { train, validation, kind, notes, labels, identity, example } = found;
  const { validateEvery, ...settings } = defaultSettings({
    batches: train.length,
    width: facts.width,
    scaling: scalingOf(method),
    trained: trainedBy(method, (facts.labels ?? labels) !== undefined),
  });
  const watch = { validateEvery, patience: options.patience ?? defaultPatience };
  const defaults = { ...settings, ...(validation.length > 0 ? watch : {}) };
  const newLabels = facts.labels ? undefined : labels;
  const told = { kind, notes, example, labels, newLabels, usualRate: settings.learningRate };
  return { batches: train, validation, ...told, head: facts.head, data: identity, defaults };
}

/** A new head is trained in full beside an adapter. */
function withHead(method: MethodSpec, { newLabels, head = [] }: Material): MethodSpec {
  if (method.kind === "full" || !newLabels) return method;
  const modulesToSave = [...new Set([...method.modulesToSave ?? [], ...head])];
  return { ...method, modulesToSave };
}

/** The kind of values that a method trains, with or without a head. */
function trainedBy(method: MethodSpec, hasHead: boolean): TrainedKind {
  const { trains } = methods[method.kind];
  if (trains === "weights" || method.kind === "full") return trains;
  return hasHead || method.modulesToSave?.length ? "matrices" : trains;
}

function scalingOf({ kind, ...settings }: MethodSpec): number {
  const { scaling } = methods[kind];
  return scaling?.(settings) ?? 1;
}

/** The settings of a training: of the command line, else of the configuration, else those that suit the data. */
function settingsOf(
  options: TrainOptions,
  below: Partial<TrainingSpec>,
  { batches, validation }: Material,
): TrainingSpec {
  const { learningRate, loraPlusRatio, steps, epochs, activationCheckpointing } = options;
  const optimizer = options.optimizer ?? below.optimizer, dtype = dtypeOf(options) ?? below.dtype;
  const validateEvery = options.validateEvery ?? below.validateEvery;
  assertWatched({ patience: options.patience, "validate-every": validateEvery }, validation);
  return completeTraining({
    ...below,
    learningRate: learningRate ?? below.learningRate,
    loraPlusRatio: loraPlusRatio ?? below.loraPlusRatio,
    // One spelling of one training: a default that is said makes no other.
    optimizer: optimizer === "adamw" ? undefined : optimizer,
    dtype: dtype === "F32" ? undefined : dtype,
    steps: steps ?? (epochs && epochs * batches.length) ?? below.steps,
    validateEvery,
    activationCheckpointing: (activationCheckpointing ?? below.activationCheckpointing) ||
      undefined,
  });
}

/** Options about held-out texts need such texts. */
function assertWatched(
  given: Readonly<Record<string, number | undefined>>,
  { length }: readonly Batch[],
): void {
  const [name] = Object.keys(given).filter((name) => given[name] !== undefined);
  if (name === undefined || length > 0) return;
  throw new RangeError(
    `--${name} needs held-out texts, found none: leave it out, or let --validation be above 0`,
  );
}

async function assertOutput(
  { model, adapter, output }: TrainOptions,
  kind: string,
): Promise<void> {
  await assertOtherFolder(model, output);
  // One that cannot be saved with the result is refused before training.
  if (kind === "full") await readSmallFiles(model);
  if (adapter) await assertOtherFolder(adapter, output);
}

/** The files of the base and the adapter, wherever they are: with other files, it is another training. */
export async function modelSpec(options: TrainOptions): Promise<JsonRecord> {
  const { model, adapter, baseDtype } = options;
  const filesOf = (folder: string) =>
    fileDigests(folder, /\.safetensors(\.index\.json)?$|^(adapter_)?config\.json$/);
  const isUsual = baseDtype && await isStoredAsUsual(model, { dtype: baseTypeOf(options) });
  return {
    base: await filesOf(model),
    adapter: adapter && await filesOf(adapter),
    baseDtype: isUsual ? undefined : baseDtype,
  };
}

/** The rates of LoRA+ are those of A and B. */
function assertRates({ loraPlusRatio }: TrainingSpec, method: MethodSpec): void {
  if (loraPlusRatio === undefined) return;
  if (method.kind !== "lora") {
    throw new RangeError(`--lora-plus-ratio needs --method lora, found ${method.kind}`);
  }
  if (method.freezeA) {
    throw new RangeError(
      "--lora-plus-ratio needs A and B that are both trained, found --freeze-a: give the rate of B by --learning-rate",
    );
  }
}
