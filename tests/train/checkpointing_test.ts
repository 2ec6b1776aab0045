/** Activation checkpointing in training: its bytes, and runs with it. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { gpt2ConfigJson } from "../../src/architectures/gpt2.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { allocateModel, parseGpt2Config } from "../../src/models/mod.ts";
import { allocateMethod, type MethodSpec, predictMemory, run } from "../../src/runs/mod.ts";
import { tinyOptions, tinySpec } from "../runs/fixtures.ts";
import { Trainer } from "../../src/train/mod.ts";
import { withFolder } from "../support/folders.ts";
import { randomBatches } from "./fixtures.ts";

const rows = 6, time = 16, width = 24;

const configOf = (n_layer: number, dropout = 0) =>
  gpt2ConfigJson(parseGpt2Config({
    ...{ vocab_size: 31, n_positions: time, n_embd: width, n_layer, n_head: 4 },
    ...{ embd_pdrop: dropout, resid_pdrop: dropout },
  }));

const methods: readonly MethodSpec[] = [
  { kind: "full" },
  { kind: "lora", rank: 2, sites: "all", dropout: 0.1 },
  { kind: "bottleneck", size: 4 },
  { kind: "prefix-layer", length: 2 },
];

/** Activations at the peak of a step on paper. */
function predicted(layers: number, method: MethodSpec, activationCheckpointing: boolean) {
  const length = time - ("length" in method ? method.length : 0);
  return predictMemory(configOf(layers, 0.1), {
    ...{ batch: rows, length, activationCheckpointing },
    adapt: (model) => allocateMethod(model, method, 1),
  });
}

for (const method of methods) {
  Deno.test(`${method.kind}: a step of 12 blocks takes the bytes that dry predicts, fewer with checkpoints`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    const length = time - ("length" in method ? method.length : 0);
    const [batch] = randomBatches(1, { rows, time: length, vocabulary: 31 });
    const peaks = [false, true].map((activationCheckpointing) => {
      device.ledger.resetPeak();
      using model = allocateModel(device, configOf(12, 0.1));
      using _ = allocateMethod(model, method, 1);
      const settings = { learningRate: 0, steps: 1, activationCheckpointing };
      using trainer = new Trainer(model, settings);
      const { live } = device.ledger.read();
      trainer.step([batch]);
      const found = device.ledger.read();
      assertEquals(found, predicted(12, method, activationCheckpointing));
      assertEquals(found.live, live);
      return found.peakByRole.activation;
    });
    assertEquals(device.ledger.read().live, 0);
    const state = 4 * rows * time * width;
    assert(peaks[1] < peaks[0] / 3, `${peaks[1]} bytes with, ${peaks[0]} without`);
    const more = predicted(13, method, true).peakByRole.activation;
    assertEquals(more - peaks[1], state, "one more block keeps one more state");
  });
}

const withCheckpoints = (steps: number) => {
  const spec = tinySpec(steps);
  return { ...spec, training: { ...spec.training, activationCheckpointing: true } };
};

Deno.test("a run with checkpoints has the losses and the adapter of one without", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const options = tinyOptions(folder, device);
    const [plain, again] = [
      await run(tinySpec(6), options),
      await run(withCheckpoints(6), options),
    ];
    assertEquals(again.log, plain.log);
    const weights = ({ folder }: typeof plain) =>
      Deno.readFile(`${folder}/adapter/adapter_model.safetensors`);
    assertEquals(await weights(again), await weights(plain));
    assert(again.folder !== plain.folder, "its bytes are another result");
  }));

Deno.test("a run with checkpoints that is stopped and resumed equals one that is not", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const spec = withCheckpoints(9), options = tinyOptions(folder, device);
    const controller = new AbortController(), { signal } = controller;
    const onProgress = ({ step }: { step: number }) => {
      if (step === 3) controller.abort(new Error("enough"));
    };
    await assertRejects(() => run(spec, { ...options, onProgress, signal }), Error, "enough");
    assertEquals(device.ledger.read().live, 0);
    const { log, exact, ledger } = await run(spec, options);
    const whole = await run(spec, tinyOptions(`${folder}/whole`, device));
    assertEquals([log, exact, ledger], [whole.log, true, whole.ledger]);
  }));
