import { gpt2ConfigJson } from "../../src/architectures/gpt2.ts";
import { assert, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { parseGpt2Config } from "../../src/models/mod.ts";
import { allocateMethod, predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { randomBatches, tinyModel } from "./fixtures.ts";
import { checkLedgers, shapes } from "./ledger_checks.ts";

Deno.test("ledger: dry equals reference by role, live and peak", () => {
  using device = new ReferenceDevice();
  checkLedgers(device);
});

Deno.test("ledger: dry equals cpu by role, live and peak", async () => {
  using device = await openCpuDevice({ threads: 2 });
  checkLedgers(device);
});

Deno.test("ledger: predictMemory says what a trainer allocates", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device, { dropout: 0.1 });
  using _ = allocateMethod(model, { kind: "lora", rank: 2, sites: ["q"] }, 1);
  using trainer = new Trainer(model, { learningRate: 1, steps: 1, accumulation: 2 });
  trainer.step(randomBatches(2, { rows: 3, time: 6 }));
  const predicted = predictMemory(gpt2ConfigJson(shapes["2 x 12"]), {
    batch: 3,
    length: 6,
    accumulation: 2,
    dropout: 0.1,
    adapt: (model) => allocateMethod(model, { kind: "lora", rank: 2, sites: ["q"] }, 1),
  });
  assertEquals(predicted, device.ledger.read());
});

Deno.test("ledger: training GPT-3 175B takes the dry device no time and no memory", () => {
  const config = parseGpt2Config({
    vocab_size: 50257,
    n_positions: 2048,
    n_embd: 12288,
    n_layer: 96,
    n_head: 96,
  });
  const started = performance.now();
  const { byRole } = predictMemory(gpt2ConfigJson(config), { batch: 1, length: 2048 });
  const parameters = byRole.weight / 4;
  assert(Math.abs(parameters / 174.6e9 - 1) < 0.01, `${parameters} parameters`);
  assertEquals([byRole.gradient, byRole.optimizer], [4 * parameters, 8 * parameters]);
  assert(performance.now() - started < 5000);
});

Deno.test("trainer: a step reads nothing, so the dry device can run it", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  using trainer = new Trainer(model, { learningRate: 1, steps: 9, accumulation: 2 });
  const batches = randomBatches(2);
  assertEquals(trainer.step(batches), { step: 0, learningRate: 1, counted: 16 });
  assertEquals(trainer.step(batches), { step: 1, learningRate: 1, counted: 16 });
});
