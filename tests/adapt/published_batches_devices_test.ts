/** The batches of Punica's and vLLM's own tests, compared with the loop over single adapters. */

import { assertEquals, assertNotEquals } from "@std/assert";
import {
  AdapterSet,
  injectLora,
  injectUpdates,
  loadAdapter,
  type LowRankUpdate,
} from "../../src/adapt/mod.ts";
import { type HostData, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { readRecord } from "../../src/formats/peft/folder.ts";
import { continueGreedily } from "../../src/models/generate/greedy_batch.ts";
import { type Gpt2, initGpt2, loadModel, parseGpt2Config } from "../../src/models/mod.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";
import { close, equal, stepsOf } from "./adapter_set_checks.ts";
import { logitsOf, randomizeB, withFolder } from "./fixtures.ts";

/** 344 beside 128 as 11008 beside 4096; two layers in place of five. */
const punicaConfig = parseGpt2Config({
  ...{ vocab_size: 70, n_positions: 8, n_embd: 128, n_layer: 2, n_head: 4, n_inner: 344 },
});

/** A LoRA of both layers of every MLP: 128 to 344 and back. */
function mlpUpdates(
  { config: { n_layer: layers, n_embd: width, n_inner } }: Gpt2,
  rank: number,
  seed: number,
): LowRankUpdate[] {
  const random = new Random(seed), inner = n_inner ?? 4 * width;
  const values = (rows: number, columns: number) =>
    hostTensor([rows, columns], random.uniformWithin(2 / Math.sqrt(columns), rows * columns));
  return Array.from(
    { length: layers },
    (_, layer) =>
      ([["mlp.c_fc", width, inner], ["mlp.c_proj", inner, width]] as const).map(
        ([name, inputs, outputs]) => ({
          module: `transformer.h.${layer}.${name}`,
          ...{ A: values(rank, inputs), B: values(outputs, rank), scaling: 0.5 },
        }),
      ),
  ).flat();
}

/** Of Punica's `test_lora_correctness`: segments of rows of one token, and one row of the base behind them. */
async function checkPunica(
  model: Gpt2,
  [problems, size]: readonly [number, number],
  rank: number,
): Promise<void> {
  const adapters = Object.fromEntries(
    Array.from({ length: problems }, (_, i) => [`${i}`, mlpUpdates(model, rank, i + 1)] as const),
  );
  const names = Object.keys(adapters).flatMap((name) => Array<string>(size).fill(name));
  const tokens = names.map((_, row) => 3 + 7 * row).concat(3); // The base's row has the first one's token.
  const inputs = (ids: readonly number[]) => ({
    tokens: hostTensor([ids.length, 1], Uint32Array.from(ids)),
  });
  const expected: HostData[] = [];
  for (const [i, updates] of [...Object.values(adapters), []].entries()) {
    using _ = injectUpdates(model, updates);
    expected.push(await logitsOf(model, inputs(tokens.slice(i * size, (i + 1) * size))));
  }
  const [base] = expected.slice(-1);
  assertNotEquals(expected[0].subarray(0, base.length), base, "the adapters do nothing");
  using set = new AdapterSet(model);
  set.add(adapters);
  set.use([...names, undefined]);
  const actual = await logitsOf(model, inputs(tokens));
  let from = 0;
  for (const [i, own] of expected.entries()) {
    close(
      actual.subarray(from, from += own.length) as HostData,
      own,
      `${problems}x${size}, rank ${rank}, segment ${i}`,
    );
  }
  assertEquals(from, actual.length);
}

/** Punica's batches, as adapters by rows of each. */
const punicaBatches = [[1, 7], [7, 1], [3, 3]] as const;

/** Saves a DoRA of every linear layer whose B has moved, and gives its A and B as LoRA. */
async function saveDora(device: Device, folder: string): Promise<readonly LowRankUpdate[]> {
  using model = await loadModel(device, golden("families/qwen2"));
  using adapter = randomizeB(
    injectLora(model, {
      ...{ rank: 16, alpha: 8, dora: true, targetModules: "all-linear", seed: 5 },
      rankPattern: { k_proj: 8, v_proj: 8 }, // all that so few rows have
    }),
  );
  await adapter.save(folder);
  const { updates } = await readRecord(folder);
  return updates.map(({ module, A, B, scaling }) => ({ module, A, B, scaling }));
}

/**
 * vLLM's `test_dora_mixed_batch.py`: one batch of the base, of LoRA and of DoRA, up to rank 16, on a Qwen2, whose q, k
 * and v have biases; the LoRA has the very A and B of the DoRA; four tokens, chosen greedily. It asserts that there
 * are texts; here they and their logits are those of the single adapters.
 */
async function checkVllm(device: Device): Promise<void> {
  await withFolder(async (folder) => {
    const lora = await saveDora(device, folder);
    using model = await loadModel(device, golden("families/qwen2"));
    const prompts = [[5, 9, 4, 7, 3], [11, 6, 8, 10, 12], [5, 9, 4, 7, 3]];
    const apply = [
      () => injectUpdates(model, []),
      () => injectUpdates(model, lora),
      () => loadAdapter(model, folder),
    ];
    const steps: Float32Array[][][] = [], texts: number[][] = [];
    for (const [row, one] of apply.entries()) {
      using _ = await one();
      steps.push(await stepsOf(model, prompts));
      texts.push((await continueGreedily(model, [prompts[row]], { maxNewTokens: 4 }))[0]);
    }
    assertNotEquals(steps[1], steps[2], "the magnitudes do nothing");
    using set = new AdapterSet(model);
    set.add({ lora });
    await set.load({ dora: folder });
    set.use([undefined, "lora", "dora"]);
    (await stepsOf(model, prompts)).forEach((step, at) =>
      step.forEach((logits, row) => {
        const compare = row === 0 ? equal : close;
        compare(logits, steps[row][at][row], `step ${at}, row ${row}`);
      })
    );
    assertEquals(await continueGreedily(model, prompts, { maxNewTokens: 4 }), texts);
  });
}

/** Properties that hold on every device. */
const publishedBatches: readonly Check[] = [
  ...punicaBatches.map((batch): Check => ({
    name: `Punica's batch ${batch.join("x")} at ranks 16 to 128 is the loop over its adapters`,
    async run(device) {
      using model = initGpt2(device, punicaConfig, { seed: 1 });
      for (const rank of [16, 32, 64, 96, 128]) await checkPunica(model, batch, rank);
    },
  })),
  { name: "vLLM's batch of the base, LoRA and DoRA is the loop over them", run: checkVllm },
];

await testOn(allDevices, publishedBatches);
