/** Choosing tokens and reading them in blocks. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError } from "../../src/core/errors.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { Scope } from "../../src/device/arena.ts";
import { DryDevice } from "../../src/device/dry.ts";
import {
  assertToken,
  chooseTokens,
  type SamplingOptions,
} from "../../src/models/generate/generate.ts";
import {
  generate,
  type GenerateOptions,
  initGpt2,
  loadModel,
  parseGpt2Config,
} from "../../src/models/mod.ts";
import { allDevices, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";

/** One token for each of `rows` equal rows of logits. */
async function choose(
  device: Device,
  logits: readonly number[],
  options: SamplingOptions,
  rows = 1,
): Promise<number[]> {
  using scope = new Scope(device);
  const tensor = scope.allocate([rows, logits.length], "f32", "activation", "logits");
  device.write(
    tensor,
    Float32Array.from({ length: tensor.size }, (_, i) => logits[i % logits.length]),
  );
  const [{ data }] = await device.read(chooseTokens(scope, tensor, options, 5));
  return [...data];
}

/**
 * Pearson's statistic of draws from softmax(logits / temperature) among the kept tokens. With k of them
 * it has k - 1 degrees of freedom, and Laurent and Massart (2000, lemma 1) bound its upper tail:
 * P(χ² >= d + 2 √(d t) + 2 t) <= e^-t.
 */
async function checkDistribution(device: Device, { temperature = 1, topK }: SamplingOptions) {
  const logits = [1, -2, 0.5, 3, 0, 2.5, -1, 1.5, 2], draws = 20_000;
  const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, topK);
  const weights = order.map((id) => Math.exp(logits[id] / temperature));
  const total = weights.reduce((sum, weight) => sum + weight);
  const found = await choose(device, logits, { temperature, topK }, draws);
  assert(found.every((id) => order.includes(id)), "a token that is not kept");
  const statistic = order.reduce((sum, id, i) => {
    const expected = draws * weights[i] / total;
    return sum + (found.filter((other) => other === id).length - expected) ** 2 / expected;
  }, 0);
  const degrees = order.length - 1, t = Math.log(1e6);
  const bound = degrees + 2 * Math.sqrt(degrees * t) + 2 * t;
  assert(statistic < bound, `χ² is ${statistic}, of which one in a million reaches ${bound}`);
}

const prompt = [3, 1, 4];

async function made(device: Device, options: Partial<GenerateOptions>): Promise<number[]> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  return await Array.fromAsync(generate(model, prompt, { maxNewTokens: 12, ...options }));
}

const ways: readonly Partial<GenerateOptions>[] = [
  { temperature: 1, seed: 1 },
  { temperature: 0.8, topK: 5, seed: 2 },
  { temperature: 3, topK: 20, seed: 3 },
];

await testOn(allDevices, [
  ...ways.map((way) => ({
    name: `a seed gives the tokens that it gives on the reference device: ${JSON.stringify(way)}`,
    run: async (device: Device) => {
      using reference = new ReferenceDevice();
      assertEquals(await made(device, way), await made(reference, way));
    },
  })),
  ...[{ temperature: 1 }, { temperature: 0.5 }, { temperature: 2, topK: 4 }].map((way) => ({
    name: `samples are distributed as the softmax: ${JSON.stringify(way)}`,
    run: (device: Device) => checkDistribution(device, way),
  })),
  {
    name: "the coldest temperature takes the likeliest, and the hottest takes all alike",
    run: async (device) => {
      const logits = [0, 1, 1.001, -5];
      for (const temperature of [0, 1e-300, 1e-30]) {
        assertEquals(await choose(device, logits, { temperature }, 3), [2, 2, 2]);
      }
      const hot = await choose(device, logits, { temperature: 1e300 }, 400);
      assertEquals([...new Set(hot)].sort(), [0, 1, 2, 3]);
    },
  },
  {
    name: "a logit that is not finite is named, at every temperature",
    run: async (device) => {
      for (const wrong of [NaN, Infinity, -Infinity]) {
        for (const options of [{}, { temperature: 1 }, { temperature: 1, topK: 2 }]) {
          const [id] = await choose(device, [1, 2, wrong, 3], options);
          assertThrows(() => assertToken(id), RangeError, `finite logits, found ${wrong}`);
        }
      }
    },
  },
  {
    name: "generation stops with its signal, within a block too",
    run: async (device) => {
      using model = await loadModel(device, golden("gpt2_tiny"));
      const controller = new AbortController(), { signal } = controller, tokens = [];
      for await (const token of generate(model, prompt, { maxNewTokens: 12, signal })) {
        if (tokens.push(token) === 5) controller.abort();
      }
      assertEquals(tokens, (await made(device, {})).slice(0, 5));
      const none = generate(model, prompt, { maxNewTokens: 12, signal });
      assertEquals(await Array.fromAsync(none), []);
    },
  },
  {
    name: "a model that breaks gives an error instead of a token, and no live byte stays",
    run: async (device) => {
      using model = await loadModel(device, golden("gpt2_tiny"));
      const norm = model.parameters.get("transformer.ln_f.weight")!.tensor;
      device.write(norm, new Float32Array(norm.size).fill(NaN));
      const before = device.ledger.read().live;
      const broken = () => Array.fromAsync(generate(model, prompt, { maxNewTokens: 12 }));
      await assertRejects(broken, RangeError, "generating needs finite logits, found NaN");
      assertEquals(device.ledger.read().live, before);
    },
  },
]);

Deno.test("dry: generating launches a step, cannot be read, and leaves no live byte", async () => {
  using device = new DryDevice();
  const sizes = { vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
  const before = device.ledger.read().live;
  const made = () => Array.fromAsync(generate(model, [1, 2], { maxNewTokens: 4 }));
  await assertRejects(made, DeviceError, "needs a device that holds values");
  assertEquals(device.ledger.read().live, before);
});
