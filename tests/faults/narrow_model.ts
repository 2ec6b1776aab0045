/** A model of few tensors: each of them is an operation of the disk when it is saved. @module */

import type { Device } from "../../src/device/device.ts";
import { type Gpt2, initGpt2, parseGpt2Config } from "../../src/models/mod.ts";

const config = parseGpt2Config({
  vocab_size: 11,
  n_positions: 8,
  n_embd: 4,
  n_layer: 1,
  n_head: 1,
});

/** A GPT-2 of one narrow layer with random weights. */
export function narrowModel(device: Device, seed = 3): Gpt2 {
  return initGpt2(device, config, { seed });
}
