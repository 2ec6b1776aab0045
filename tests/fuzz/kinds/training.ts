/** Inputs of training: batches, cases and configurations. @module */

import fc from "npm:fast-check@4.10.2";
import { AdapterFileError, ShapeError } from "../../../src/core/errors.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import { readBatchFile, readCases } from "../../../src/cli/cases.ts";
import { methodOf } from "../../../src/cli/commands/train/method.ts";
import { optionsOf, readGrid } from "../../../src/cli/commands/sweep/grid.ts";
import { completeTraining, readTrainConfig } from "../../../src/cli/commands/train/options.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { allocateModel, readConfig } from "../../../src/models/mod.ts";
import { allocateMethod } from "../../../src/runs/mod.ts";
import { Trainer } from "../../../src/train/mod.ts";
import { golden } from "../../support/golden.ts";
import { areFinite, type Files, type Kind, onDisk, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";

const modelConfig = await readConfig(golden("gpt2_tiny"));
const limits = { positions: 32, vocabulary: 61, labelKind: "next" as const };
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const goodBatches = {
  batches: [
    [[1, 2, 3], [4, 5, 6]],
    { input_ids: [[1, 2]], labels: [[-100, 2]], attention_mask: [[1, 1]], position_ids: [[0, 1]] },
  ],
};
const labeledRows = [
  { input_ids: [[1, 2], [3, 4]], labels: [1, 0], token_type_ids: [[0, 1], [0, 0]] },
  { input_ids: [[1, 2], [3, 4]], labels: [0.5, -1.25] },
];
const goodConfig = {
  steps: 2,
  learningRate: 1e-3,
  betas: [0.9, 0.99],
  epsilon: 1e-8,
  weightDecay: 0.1,
  schedule: "linear",
  warmupSteps: 1,
  clipNorm: 1,
  optimizer: "adamw",
  method: {
    name: "lora",
    rank: 2,
    alpha: 4,
    sites: ["q", "v"],
    dropout: 0.1,
    rankPattern: { a: 1 },
  },
};

const batchSeasoning = {
  values: [[[1]], [[0, 1], [2]], [[61]], [[-1]], [[-100, -100]], [[1e9]], [["1"]], [[0.5]]],
  keys: ["batches", "input_ids", "labels", "attention_mask", "position_ids", "adapter"],
};

/** A model's inputs that are whole numbers within its limits. */
function checkTokens({ shape: [rows, time], data }: HostTensor, below: number): void {
  sound(rows * time === data.length && data.length > 0, `${data.length} values of ${rows} rows`);
  sound(data.every((value) => Number.isInteger(value) && value < below), `tokens ${data}`);
}

/** A label for each token or for each row. */
function checkLabels({ shape, data }: HostTensor, { shape: [rows, time] }: HostTensor): void {
  const count = shape.length === 1 ? rows : rows * time;
  sound(data.length === count && areFinite(data), `the labels ${data} of ${rows} rows`);
}

const train = (folder: string) => [
  ...["train", "--model", golden("gpt2_tiny"), "--batches", `${folder}/batches.json`],
  ...["--config", `${folder}/config.json`, "--output", `${folder}/output`],
];

/** Files of batches. */
export const batches: Kind = {
  name: "files of batches",
  inputs: jsonFiles(fc.constant(goodBatches), batchSeasoning)
    .map((bytes): Files => ({ "batches.json": bytes })),
  refusals: [SyntaxError, RangeError],
  read: (files) =>
    onDisk(files, async (folder) => {
      const { batches } = await readBatchFile(`${folder}/batches.json`, limits);
      for (const { inputs, targets } of batches) {
        checkTokens(inputs.tokens, limits.vocabulary);
        checkTokens(targets, limits.vocabulary);
        if (inputs.positionIds) checkTokens(inputs.positionIds, limits.positions);
      }
    }),
  folder: (files) => ({ ...files, "config.json": bytesOf(goodConfig) }),
  command: train,
};

/** Files of cases. */
export const cases: Kind = {
  name: "files of cases",
  inputs: jsonFiles(
    fc.constantFrom(...goodBatches.batches.slice(1), ...labeledRows)
      .map((batch) => ({ cases: { a: batch } })),
    { ...batchSeasoning, keys: [...batchSeasoning.keys, "cases"] },
  ).map((bytes): Files => ({ "cases.json": bytes })),
  refusals: [SyntaxError],
  read: (files) =>
    onDisk(files, async (folder) => {
      for (const { inputs, labels } of (await readCases(`${folder}/cases.json`)).values()) {
        checkTokens(inputs.tokens, 2 ** 32);
        if (labels) checkLabels(labels, inputs.tokens);
      }
    }),
  command: (folder) => [
    ...["logits", "--model", golden("gpt2_tiny"), "--input", `${folder}/cases.json`],
    ...["--output", `${folder}/logits.safetensors`],
  ],
};

/** Configurations of `train`, and what a model and a trainer make of them. */
export const trainConfigs: Kind = {
  name: "training configurations",
  inputs: jsonFiles(fc.constant(goodConfig), {
    values: ["lora", "full", "cosine", "all", "all-linear", { name: "full" }, [0, 1], 1e-300, 769],
    keys: [...Object.keys(goodConfig), "kind", "targetModules", "rankStabilized", "alphaPattern"],
  }).map((bytes): Files => ({ "config.json": bytes })),
  refusals: [SyntaxError, RangeError, ShapeError, AdapterFileError, TypeError],
  read: (files) =>
    onDisk(files, async (folder) => {
      const { training, method } = await readTrainConfig(`${folder}/config.json`);
      using device = new DryDevice();
      using model = allocateModel(device, modelConfig);
      using _ = allocateMethod(model, methodOf({}, method ?? {}), 1);
      using trainer = new Trainer(model, completeTraining(training));
      const { steps, learningRate } = trainer.options;
      sound(Number.isSafeInteger(steps) && steps >= 0, `${steps} steps`);
      sound(learningRate >= 0 && learningRate < Infinity, `the learning rate ${learningRate}`);
    }),
  folder: (files) => ({ ...files, "batches.json": bytesOf(goodBatches) }),
  command: train,
};

const goodSweep = {
  model: golden("gpt2_tiny"),
  data: "examples/pairs.jsonl",
  steps: 2,
  methods: [{ method: "full" }, { method: "lora", rank: [1, 2], sites: "q,v" }],
  "learning-rate": [1e-3, 1e-2],
  seed: [1, 2],
};

/** Files of sweeps: what they cross is at most 10,000 trainings, each with options that `train` takes. */
export const sweeps: Kind = {
  name: "files of sweeps",
  inputs: jsonFiles(fc.constant(goodSweep), {
    values: ["lora", "full", [], [1, 1], ["1", 1], {}, 1e-300, -1, "--json", "=", "\n", true],
    keys: [...Object.keys(goodSweep), "rank", "alpha", "output", "config", "validation", "device"],
  }).map((bytes): Files => ({ "sweep.json": bytes })),
  refusals: [SyntaxError, RangeError],
  read: (files) =>
    onDisk(files, async (folder) => {
      const { choices } = await readGrid(`${folder}/sweep.json`);
      sound(choices.length > 0 && choices.length <= 10_000, `${choices.length} trainings`);
      for (const choice of choices.slice(0, 20)) {
        const options = optionsOf(choice, folder), { output, json } = options;
        const { rank = 1 } = options as { readonly rank?: number };
        sound(output === folder && !json, `an output in ${output}`);
        sound(Number.isSafeInteger(rank) && rank > 0, `the rank ${rank}`);
      }
    }),
};
