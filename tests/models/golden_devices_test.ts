/** The golden models as transformers has them. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Tape } from "../../src/autograd/mod.ts";
import { readCases } from "../../src/cli/cases.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { beamSearch, generate, loadModel, type TextModel } from "../../src/models/mod.ts";
import { nextLogits } from "../../src/models/generate/beam_search.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { allDevices, testOn } from "../support/devices.ts";

interface GenerationCase {
  readonly prompt: string;
  readonly beams: number;
  readonly lengthPenalty: number;
  readonly maxNewTokens: number;
  readonly eos: number | null;
  readonly sequences: number[][];
  readonly scores?: number[];
}

const { prompts, cases } = await goldenJson("generation.json") as {
  prompts: Record<string, number[]>;
  cases: GenerationCase[];
};

/** Folders with the file of logits that each must give. */
const logitsOf = {
  gpt2_tiny: "logits.safetensors",
  gpt2_tiny_bare: "logits.safetensors",
  gpt2_tiny_f16: "logits_f16.safetensors",
  gpt2_tiny_bf16: "logits_bf16.safetensors",
};

/** Values at the tokens that are not padding. */
function valid({ data, shape }: HostTensor, mask?: HostTensor): number[] {
  const width = shape[shape.length - 1];
  return [...data].filter((_, i) => !mask || mask.data[Math.floor(i / width)] !== 0);
}

async function checkLogits(device: Device, folder: string, file: string): Promise<void> {
  using model = await loadModel(device, golden(folder));
  const expected = await tensorsOf(golden(file));
  for (const [name, { inputs }] of await readCases(golden("logits.json"))) {
    using tape = new Tape(device, { record: false });
    const [logits] = await device.read(model.forward(tape, inputs));
    const mask = inputs.attentionMask, what = `${folder}, ${name}`;
    assertAllClose(valid(logits, mask), valid(expected.get(`logits.${name}`)!, mask), {
      absolute: 5e-5,
      what,
    });
  }
}

async function checkGeneration(model: TextModel, wanted: GenerationCase): Promise<void> {
  const { beams, maxNewTokens, lengthPenalty, sequences, scores } = wanted;
  const prompt = prompts[wanted.prompt], stopToken = wanted.eos ?? undefined;
  if (beams === 1) {
    const tokens = await Array.fromAsync(generate(model, prompt, { maxNewTokens, stopToken }));
    return assertEquals(tokens, sequences[0]);
  }
  const best = await beamSearch(model, prompt, { beams, maxNewTokens, stopToken, lengthPenalty });
  assertEquals(best.tokens, sequences[0]);
  // Scores are printed in F32 after as many additions as there are tokens.
  assertAlmostEquals(best.score, scores![0], 1e-5);
}

await testOn(allDevices, [
  ...Object.entries(logitsOf).map(([folder, file]) => ({
    name: `logits of ${folder} equal transformers' to 5e-5`,
    run: (device: Device) => checkLogits(device, folder, file),
  })),
  ...cases.map((wanted) => ({
    name:
      `generation equals transformers': ${wanted.beams} beams after the ${wanted.prompt} prompt, ${
        wanted.eos === null ? "no stop" : `stop ${wanted.eos}`
      }`,
    run: async (device: Device) => {
      using model = await loadModel(device, golden("gpt2_tiny"));
      await checkGeneration(model, wanted);
    },
  })),
  {
    name: "sampling with top-k 1 is greedy, and a seed gives the same tokens again",
    run: async (device) => {
      using model = await loadModel(device, golden("gpt2_tiny"));
      const sample = (options: { temperature?: number; topK?: number; seed?: number }) =>
        Array.fromAsync(generate(model, [3, 1, 4], { maxNewTokens: 8, ...options }));
      assertEquals(await sample({ temperature: 1, topK: 1 }), await sample({}));
      const sampled = await sample({ temperature: 1, seed: 7 });
      assertEquals(await sample({ temperature: 1, seed: 7 }), sampled);
    },
  },
  {
    name: "sampling with top-k 3 takes each of the three likeliest, and no other",
    run: async (device) => {
      using model = await loadModel(device, golden("gpt2_tiny"));
      using cache = model.openCache(1, 3);
      const [logits] = await nextLogits(model, cache, [[3, 1, 4]]);
      const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a]);
      const taken = new Set<number>();
      for (let seed = 0; seed < 16; seed++) {
        const options = { maxNewTokens: 1, temperature: 100, topK: 3, seed };
        for await (const token of generate(model, [3, 1, 4], options)) taken.add(token);
      }
      assertEquals([...taken].sort((a, b) => a - b), order.slice(0, 3).sort((a, b) => a - b));
    },
  },
  {
    name: "one beam is greedy, also where the second likeliest token would end it",
    run: async (device) => {
      using model = await loadModel(device, golden("gpt2_tiny"));
      using cache = model.openCache(1, 3);
      const prompt = [3, 1, 4], [logits] = await nextLogits(model, cache, [prompt]);
      const [, stopToken] = [...logits.keys()].sort((a, b) => logits[b] - logits[a]);
      const greedy = await Array.fromAsync(generate(model, prompt, { maxNewTokens: 4, stopToken }));
      const options = { beams: 1, maxNewTokens: 4, stopToken, lengthPenalty: 0 };
      assertEquals((await beamSearch(model, prompt, options)).tokens, greedy);
    },
  },
  {
    name: "loading, running and freeing a model leaves no live byte",
    run: async (device) => {
      const before = device.ledger.read().live;
      {
        using model = await loadModel(device, golden("gpt2_tiny"));
        await Array.fromAsync(generate(model, [3, 1, 4], { maxNewTokens: 4 }));
        await beamSearch(model, [3, 1, 4], { beams: 2, maxNewTokens: 4 });
      }
      assertEquals(device.ledger.read().live, before);
    },
  },
]);
