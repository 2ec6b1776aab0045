/** Held-out data is measured in the memory of a training step, whatever the step trains. */

import { assert } from "@std/assert";
import type { ConfigJson } from "../../src/architectures/mod.ts";
import { lossOfBatch } from "../../src/autograd/loss.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel, completeConfig } from "../../src/models/mod.ts";
import { withLabels } from "../../src/models/labels.ts";
import { allocateMethod, type MethodSpec, predictMemory } from "../../src/runs/mod.ts";
import { anyBatch } from "../../src/runs/predict_memory.ts";
import decoder from "../../models/tiny-gpt2/config.json" with { type: "json" };
import encoder from "../../models/tiny-roberta/config.json" with { type: "json" };

const configs: readonly ConfigJson[] = [
  completeConfig(decoder),
  withLabels(completeConfig(encoder), ["x", "y"]),
];

/** From the step that keeps most to the one that keeps least. */
const methods: readonly MethodSpec[] = [
  { kind: "full" },
  { kind: "lora", rank: 1, sites: ["q", "v"] },
  { kind: "top-layers", layers: 1 },
];

type Shape = readonly [rows: number, tokens: number];

/** Bytes at the peak of a measurement of a batch of this shape. */
function measuredBytes(config: ConfigJson, method: MethodSpec, [rows, tokens]: Shape): number {
  using device = new DryDevice();
  using model = allocateModel(device, { ...config, pad_token_id: 1 });
  using _ = allocateMethod(model, method, 0);
  const batch = anyBatch(model, rows, tokens);
  using tape = new Tape(device, { record: false });
  lossOfBatch(tape, model, batch, { loss: crossEntropy, divisor: rows });
  return device.ledger.read().peak;
}

/** Bytes at the peak of a step of 8 x 40 tokens, without gradients and moments, which a measurement leaves where they are. */
function stepBytes(config: ConfigJson, method: MethodSpec): number {
  const { peak, peakByRole: { gradient, optimizer } } = predictMemory(config, {
    ...{ batch: 8, length: 40 },
    adapt: (model) => void allocateMethod(model, method, 0),
  });
  return peak - gradient - optimizer;
}

Deno.test("a measurement of as many tokens in shorter rows takes less memory than a step", () => {
  for (const config of configs) {
    for (const method of methods) {
      const spec: MethodSpec = config.num_labels && method.kind !== "full"
        ? { ...method, modulesToSave: ["classifier"] }
        : method;
      const step = stepBytes(config, spec);
      for (const shape of [[8, 40], [16, 20], [64, 5]] as const) {
        const measured = measuredBytes(config, spec, shape);
        assert(measured < step, `${measured} of ${step} bytes, ${method.kind}, ${shape}`);
      }
    }
  }
});
