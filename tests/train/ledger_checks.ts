/** The dry device's bytes against those of devices that allocate. @module */

import { assert, assertEquals } from "@std/assert";
import { injectLora, type LoraOptions } from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { type Gpt2Config, initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer, type TrainerOptions } from "../../src/train/mod.ts";
import { randomBatches } from "./fixtures.ts";

/** Shapes that differ in every extent: odd widths, an untied head, a narrow feed-forward layer. */
export const shapes: Record<string, Gpt2Config> = {
  "2 x 12": parseGpt2Config({ vocab_size: 11, n_positions: 8, n_embd: 12, n_layer: 2, n_head: 3 }),
  "1 x 40, untied": parseGpt2Config({
    vocab_size: 37,
    n_positions: 16,
    n_embd: 40,
    n_layer: 1,
    n_head: 5,
    tie_word_embeddings: false,
  }),
  "3 x 64, narrow": parseGpt2Config({
    vocab_size: 101,
    n_positions: 32,
    n_embd: 64,
    n_layer: 3,
    n_head: 4,
    n_inner: 96,
  }),
};

/** What is trained, beside what. */
export interface Method {
  readonly lora?: Omit<LoraOptions, "seed">;
  readonly dropout?: number;
  readonly accumulation?: number;
  readonly activationCheckpointing?: boolean;
  readonly optimizer?: TrainerOptions["optimizer"];
}

/** What is trained, and how. */
export const methods: Record<string, Method> = {
  full: {},
  "LoRA on q and v": { lora: { rank: 2, sites: ["q", "v"] } },
  "LoRA on all linears": { lora: { rank: 3, sites: "all" } },
  "full, dropout": { dropout: 0.1 },
  "LoRA on all linears, dropout": { lora: { rank: 3, sites: "all", dropout: 0.1 }, dropout: 0.1 },
  "LoRA on embeddings and the head": {
    lora: { rank: 2, targetModules: ["wte", "wpe", "lm_head", "c_attn"] },
  },
  "full, accumulation": { accumulation: 3 },
  "LoRA on q and v, accumulation": { lora: { rank: 2, sites: ["q", "v"] }, accumulation: 2 },
  "full, dropout, checkpoints": { dropout: 0.1, activationCheckpointing: true },
  "LoRA on all linears, checkpoints": {
    lora: { rank: 3, sites: "all", dropout: 0.1 },
    activationCheckpointing: true,
  },
  "full, 8-bit AdamW": { optimizer: "adamw8bit" },
};

/** Live and peak bytes by role after two steps, and the peak of the second alone. */
function ledgerOf(device: Device, config: Gpt2Config, method: Method) {
  const { lora, dropout, optimizer, accumulation = 1, activationCheckpointing } = method;
  device.ledger.resetPeak();
  using model = initGpt2(device, config, { seed: 1, dropout });
  using _ = lora && injectLora(model, { ...lora, seed: 1 });
  using trainer = new Trainer(model, {
    ...{ learningRate: 1e-3, steps: 2 },
    ...{ accumulation, optimizer, activationCheckpointing },
  });
  const vocabulary = config.vocab_size, time = config.n_positions - 1;
  const batches = randomBatches(accumulation, { vocabulary, time, rows: 3 });
  trainer.step(batches);
  const first = device.ledger.read();
  device.ledger.resetPeak();
  trainer.step(batches);
  return { first, second: device.ledger.read() };
}

/** All shapes and methods on one device. */
export function checkLedgers(device: Device): void {
  using dry = new DryDevice();
  for (const [shape, config] of Object.entries(shapes)) {
    for (const [name, method] of Object.entries(methods)) {
      const found = ledgerOf(device, config, method);
      assertEquals(found, ledgerOf(dry, config, method), `${shape}, ${name}`);
      const { byRole, peak, live } = found.second;
      assert(peak > live, "a step needs more than what stays");
      assertEquals(byRole.activation, 0);
      if (!method.optimizer) assertEquals(byRole.optimizer, 2 * byRole.gradient);
      assertEquals(byRole.gradient, method.lora ? byRole.adapter : byRole.weight);
    }
  }
}
