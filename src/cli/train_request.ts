/** What `train` was asked to do, checked before the model is loaded. @module */

import { fileDigests } from "../core/digest.ts";
import { savedLength } from "../adapt/prefix/saved_length.ts";
import { isStoredAsUsual } from "../models/files.ts";
import { readSmallFiles } from "../models/small_files.ts";
import type { Texts } from "../data/mod.ts";
import type { JsonRecord, MethodSpec, RunSpec, TrainingSpec } from "../runs/mod.ts";
import { type Batch, defaultPatience, defaultSettings, type TrainedKind } from "../train/mod.ts";
import { readBatchFile } from "./batches.ts";
import { baseTypeOf, dtypeOf } from "./arguments.ts";
import { assertAllowed } from "./common.ts";
import { assertStart } from "./base_form.ts";
import { assertContinues, continuedMethod, storedTypeIn } from "./continued_method.ts";
import { readFacts, roomIn } from "./limits.ts";
import { methodOf } from "./method.ts";
import { assertOtherFolder } from "./model_folder.ts";
import { completeTraining, readTrainConfig, type TrainConfig } from "./train_config.ts";
import { readTrainData } from "./train_data.ts";
import { assertTogether, type TrainOptions, withBatching } from "./train_options.ts";

/** The training to run. */
export interface TrainRequest {
  /** Everything that the result depends on, except the device. */
  readonly spec: Omit<RunSpec, "device">;
  /** The training data. */
  readonly batches: readonly Batch[];
  /** The held-out data. */
  readonly validation: readonly Batch[];
  /** What a reader should know of the data, a sentence each. */
  readonly notes: readonly string[];
  /** What the rows of texts are. */
  readonly kind?: Texts["kind"];
  /** What such a model may be asked. */
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
  /** Whether the command or the configuration names the method. */
  readonly isNamed: boolean;
}

/** Batches, where they are from, and settings that suit them. */
interface Material extends Omit<TrainRequest, "spec" | "isNamed"> {
  readonly data: JsonRecord;
  readonly defaults: Partial<TrainingSpec>;
}

/** How a request's files are read; a sweep reads each once for all its requests. */
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

/** What a method trains, with or without a head. */
function trainedBy(method: MethodSpec, hasHead: boolean): TrainedKind {
  const { kind } = method;
  if (kind === "full" || kind === "top-layers") return "weights";
  if (hasHead || method.modulesToSave?.length) return "matrices";
  if (kind === "bitfit") return "biases";
  return kind === "vera" || kind.startsWith("prefix-") ? "vectors" : "matrices";
}

function scalingOf(method: MethodSpec): number {
  if (method.kind === "vera" || !("rank" in method)) return 1;
  const { rank, alpha = rank, rankStabilized } = method;
  return alpha / (rankStabilized ? Math.sqrt(rank) : rank);
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

/** What the base and the adapter consist of, wherever they are: with other files, it is another training. */
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
function assertRates({ loraPlusRatio }: TrainingSpec, { kind }: MethodSpec): void {
  if (loraPlusRatio === undefined || kind === "lora") return;
  throw new RangeError(`--lora-plus-ratio needs --method lora, found ${kind}`);
}
