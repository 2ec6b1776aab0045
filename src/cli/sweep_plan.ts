/** The trainings of a sweep, checked before the first of them begins. @module */

import { oneLine } from "../core/quote.ts";
import { DryDevice } from "../device/dry.ts";
import type { DeviceKind } from "../device/mod.ts";
import { storedFormsIn } from "../models/files.ts";
import { withLabels } from "../models/labels.ts";
import { allocateModel, countTrainable, readConfig } from "../models/mod.ts";
import { allocateMethod, hashOf, type RunSpec } from "../runs/mod.ts";
import { assertAllTrainable } from "../train/trainable_model.ts";
import { baseTypeOf } from "./arguments.ts";
import { type Choice, optionsOf, repeatedOptions, type SweepGrid } from "./sweep_grid.ts";
import { readTrainData } from "./train_data.ts";
import type { TrainOptions } from "./train_options.ts";
import { modelSpec, readRequest, type RequestReaders, type TrainRequest } from "./train_request.ts";

/** One training of a sweep. */
export interface SweepTraining {
  /** What sets it apart, learning rate and seed excepted: `lora rank=8`. */
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
