/** Runs: their specifications, and the checkpoints that they resume from. @module */

import fc from "npm:fast-check@4.10.2";
import { squaredError } from "../../../src/autograd/mod.ts";
import { AdapterFileError, DeviceError, ShapeError } from "../../../src/core/errors.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { readAdapter, readSafetensors } from "../../../src/formats/mod.ts";
import { Perceptron } from "../../../src/models/mod.ts";
import { run, type RunSpec } from "../../../src/runs/mod.ts";
import {
  type Batch,
  emptyLog,
  logStep,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  Trainer,
} from "../../../src/train/mod.ts";
import { checkpointDigest } from "../../../src/train/checkpoint.ts";
import { areFinite, type Files, type Kind, onDisk, sound, Unsound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { partsOf, safetensorsFiles, withMetadata } from "../tensors.ts";

/** The shape of the perceptron that the runs train. */
export const shape = { widths: [2, 3], biases: true };
const matrix = (rows: number, columns: number): HostTensor => ({
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, (_, i) => i % 5 - 2),
});
/** The batch that they train on. */
export const batch: Batch<HostTensor> = { inputs: matrix(4, 2), targets: matrix(4, 3) };

/** A specification of two steps. */
export const goodSpec = {
  model: "perceptron",
  method: { kind: "lora", rank: 2, alpha: 4, targetModules: ["layers.0"] },
  data: { rows: 4 },
  training: {
    objective: "squared-error",
    learningRate: 1e-2,
    steps: 2,
    clipNorm: 1,
    optimizer: "adamw",
    betas: [0.9, 0.99],
  },
  seed: 3,
  device: "reference",
};

/** Thrown to end a run that was asked for more steps than a test has time for. */
const enough = new RangeError("the test has seen enough steps");

/** Batches of a step that was asked for more of them than a test has time for. */
const endless = (index: number) => index < 100 ? batch : Promise.reject(enough);

/** Specifications, run on a small perceptron for at most three steps. */
export const runSpecs: Kind = {
  name: "specifications of runs",
  inputs: jsonFiles(fc.constant(goodSpec), {
    values: ["full", "cosine", "kl-divergence", "cross-entropy", "cpu", "all", "(a+)+", 1e30, 3.5],
    keys: [
      ...[
        "method",
        "training",
        "seed",
        "schedule",
        "warmupSteps",
        "floor",
        "accumulation",
        "groups",
      ],
      ...["labelSmoothing", "weightDecay", "epsilon", "rank", "sites", "dropout", "rankPattern"],
      ...["alphaPattern", "rankStabilized"],
    ],
  }).map((bytes): Files => ({ "spec.json": bytes })),
  refusals: [SyntaxError, RangeError, TypeError, ShapeError, DeviceError, AdapterFileError, Error],
  read: (files) => onDisk(files, (folder) => checkRun(folder, files["spec.json"])),
};

async function checkRun(folder: string, bytes: Uint8Array): Promise<void> {
  const spec = parse(bytes), stop = new AbortController();
  using device = new ReferenceDevice();
  const { log } = await run<Perceptron>(spec, {
    folder,
    device,
    openModel: (_, device) => Perceptron.init(device, shape, 1),
    openBatches: () => Number(spec.training?.accumulation) > 100 ? endless : [batch, batch],
    onProgress: (_, steps) => steps >= 3 && stop.abort(enough),
    signal: stop.signal,
    save: async ({ adapter, log }) => {
      if (!adapter) return;
      await adapter.save(`${folder}/adapter`);
      const isTrained = log.loss.length === spec.training.steps;
      sound(isTrained, `${log.loss.length} of ${spec.training.steps} steps`);
      await readAdapter(`${folder}/adapter`);
    },
  });
  for (const numbers of Object.values(log)) sound(areFinite(numbers), `the log ${numbers}`);
}

/** A file that is not JSON is the reader's matter, not the run's. */
function parse(bytes: Uint8Array): RunSpec {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new SyntaxError("the specification is not JSON");
  }
}

/** A trainer of the perceptron, the same every time. */
function makeTrainer(device: ReferenceDevice): { trainer: Trainer<HostTensor> } & Disposable {
  const model = Perceptron.init(device, shape, 1);
  const options = { learningRate: 1e-2, steps: 9, seed: 7, loss: squaredError };
  const trainer = new Trainer(model, options);
  return { trainer, [Symbol.dispose]: () => (trainer[Symbol.dispose](), model[Symbol.dispose]()) };
}

const checkpointName = "checkpoint.safetensors";

/** A checkpoint after two steps. */
export const goodCheckpoint: Uint8Array<ArrayBuffer> = await onDisk({}, async (folder) => {
  using device = new ReferenceDevice();
  using made = makeTrainer(device);
  const log = emptyLog(), path = `${folder}/${checkpointName}`;
  for await (const event of runTrainer(made.trainer, [batch])) {
    logStep(log, event);
    if (made.trainer.steps === 2) break;
  }
  await saveCheckpoint(path, made.trainer, log);
  return await Deno.readFile(path);
});
const metadata = partsOf(goodCheckpoint).header.__metadata__ as Record<string, string>;

const corruptedStates = jsonFiles(fc.constant(JSON.parse(metadata.state)), {
  values: [[1, 2], [1], [0.5, 1e999], -5, 1e300, "x", 10, 9],
  keys: ["format", "step", "seed", "device", "platform", "log", "loss", "gradientNorm"],
}).map((bytes) =>
  withMetadata(goodCheckpoint, { ...metadata, state: new TextDecoder().decode(bytes) })
);

/** Their digest must be made right before they are read: then only their fields are wrong. */
const signed = "signed";

/** Checkpoints that a trainer resumes from, or stays as it was. */
export const checkpoints: Kind = {
  name: "checkpoints",
  inputs: fc.oneof(
    corruptedStates.map((bytes): Files => ({
      [checkpointName]: bytes,
      [signed]: new Uint8Array(),
    })),
    safetensorsFiles(fc.constant(goodCheckpoint))
      .map((bytes): Files => ({ [checkpointName]: bytes })),
  ),
  refusals: [SyntaxError, RangeError, TypeError],
  read: async (files) => {
    const bytes = files[checkpointName], signs = files[signed] !== undefined;
    const checkpoint = signs ? await sign(bytes) : bytes;
    await onDisk({ [checkpointName]: checkpoint }, checkCheckpoint);
  },
};

/** The checkpoint with the digest of what it holds. */
async function sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const { state } = partsOf(bytes).header.__metadata__ as Record<string, string>;
  const { tensors } = await readSafetensors([new File([bytes], "model.safetensors")]);
  return withMetadata(bytes, { state, digest: await checkpointDigest(state, tensors) });
}

async function checkCheckpoint(folder: string): Promise<void> {
  using device = new ReferenceDevice();
  using made = makeTrainer(device);
  const { trainer } = made, { slots } = trainer.optimizer;
  const tensors = slots.flatMap((
    { parameter, first, second },
  ) => [parameter.tensor, first, second]);
  const values = async () => (await device.read(...tensors)).map(({ data }) => [...data]);
  const before = await values();
  try {
    const { step, log } = await resumeCheckpoint(`${folder}/${checkpointName}`, trainer);
    sound(Number.isSafeInteger(step) && step >= 0 && step <= 9, `step ${step}`);
    for (const numbers of [log.loss, log.gradientNorm, log.learningRate]) {
      sound(
        Array.isArray(numbers) && numbers.length === step,
        `${numbers} as a log of ${step} steps`,
      );
      sound(areFinite(numbers), `the log ${numbers}`);
    }
    sound((await values()).every(areFinite), "values that are not finite");
  } catch (error) {
    if (error instanceof Unsound) throw error;
    const same = JSON.stringify(await values()) === JSON.stringify(before) && trainer.steps === 0;
    sound(same, `nothing (${(error as Error).message}), but changed the trainer`);
    throw error;
  }
}
