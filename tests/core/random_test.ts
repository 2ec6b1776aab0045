import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { parseGpt2Config } from "../../src/architectures/families/gpt2.ts";
import { Random } from "../../src/core/random.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { initGpt2, Perceptron } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";

const sizes = { vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 };

Deno.test("different seeds make different numbers, and what is no seed is refused", () => {
  assertEquals(new Random(7).bits(), new Random(7).bits());
  assertNotEquals(new Random(2 ** 32 - 1).bits(), new Random(0).bits());
  for (const wrong of [NaN, 1.5, -1, 2 ** 32, 2 ** 53, Infinity]) {
    const sentence = `a seed must be a whole number in [0, 2^32), found ${wrong}`;
    assertThrows(() => new Random(wrong), RangeError, sentence);
  }
});

Deno.test("everything that takes a seed refuses what is none, and leaves nothing behind", () => {
  using device = new DryDevice();
  using model = initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
  const { live } = device.ledger.read();
  const shape = { widths: [2, 2], biases: true };
  for (const seed of [NaN, 1.5, -1, 2 ** 53]) {
    const takers = [
      () => initGpt2(device, parseGpt2Config(sizes), { seed }),
      () => Perceptron.init(device, shape, seed),
      () => injectLora(model, { rank: 1, sites: ["q"], seed }),
      () => new Trainer(model, { steps: 1, learningRate: 1, seed }),
      () => new Tape(device, { dropoutSeed: seed }),
    ];
    for (const take of takers) {
      assertThrows(take, RangeError, `a seed must be a whole number in [0, 2^32), found ${seed}`);
    }
  }
  assertEquals(device.ledger.read().live, live);
});
