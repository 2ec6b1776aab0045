/** Rows of a batch with adapters of their own, compared with the loop over single adapters. */

import { assertEquals } from "@std/assert";
import { AdapterSet, injectUpdates, loadAdapter } from "../../src/adapt/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { continueGreedily } from "../../src/models/generate/greedy_batch.ts";
import { loadModel } from "../../src/models/mod.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";
import {
  checkRows,
  checkSteps,
  close,
  equal,
  makeAdapters,
  mixedRows,
  randomTokens,
  setOf,
} from "./adapter_set_checks.ts";
import { logitsOf } from "./fixtures.ts";

const models = ["gpt2_tiny", "gpt2_tiny_f16", "families/llama", "families/mistral"].concat(
  ["families/roberta_classifier", "families/bert_masked"],
);

async function checkLedger(device: Device): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  const adapters = await makeAdapters(model), before = device.ledger.read().live;
  {
    using set = setOf(model, adapters);
    set.use(mixedRows);
    await logitsOf(model, randomTokens(model, mixedRows.length, 3));
    set.unload("all");
    set.use(["small"]);
    await logitsOf(model, randomTokens(model, 1, 3));
  }
  assertEquals(device.ledger.read().live, before);
  assertEquals(model.linears.flatMap(({ adaptations }) => adaptations), []);
}

/** Texts of different lengths, chosen greedily. */
async function checkTexts(device: Device): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  const adapters = await makeAdapters(model), maxNewTokens = 6;
  const prompts = mixedRows.map((_, row) =>
    Array.from({ length: 1 + row % 4 }, (_, i) => 5 + 3 * row + i)
  );
  const expected: number[][] = [];
  for (const [row, name] of mixedRows.entries()) {
    using _ = injectUpdates(model, name === undefined ? [] : adapters.get(name)!);
    expected.push((await continueGreedily(model, [prompts[row]], { maxNewTokens }))[0]);
  }
  using set = setOf(model, adapters);
  set.use(mixedRows);
  assertEquals(await continueGreedily(model, prompts, { maxNewTokens }), expected);
}

/** Base, LoRA and DoRA in one batch, as in vLLM's `test_dora_mixed_batch.py`; DoRA after a reload too. */
async function checkDora(device: Device): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  const folders = { lora: golden("adapters/peft_all_linear"), dora: golden("adapters/peft_dora") };
  const rows = ["dora", undefined, "lora", "dora"] as const, { live } = device.ledger.read();
  const inputs = randomTokens(model, rows.length, 5), expected = [await logitsOf(model, inputs)];
  for (const folder of Object.values(folders)) {
    using _ = await loadAdapter(model, folder);
    expected.push(await logitsOf(model, inputs));
  }
  const [base, lora, dora] = expected, width = base.length / rows.length;
  const check = async (set: AdapterSet, others: readonly (string | undefined)[]) => {
    set.use(others);
    const actual = await logitsOf(model, inputs);
    others.forEach((name, row) => {
      const wanted = name === undefined ? base : name === "lora" ? lora : dora;
      const own = [row * width, (row + 1) * width] as const;
      const compare = name === undefined ? equal : close;
      const [one, other] = [actual, wanted].map((all) => all.subarray(...own) as HostData);
      compare(one, other, `row ${row}, ${name ?? "base"}`);
    });
  };
  {
    using set = new AdapterSet(model);
    await set.load(folders);
    await check(set, rows);
    set.unload("lora");
    await check(set, ["dora", "dora", undefined, "dora"]);
  }
  assertEquals(device.ledger.read().live, live);
}

/** Properties that hold on every device. */
const checks: readonly Check[] = [
  ...models.map((name): Check => ({
    name: `${name}: the rows of a mixed batch are those of single adapters`,
    async run(device) {
      using model = await loadModel(device, golden(name));
      for (const time of [1, 5]) await checkRows(model, mixedRows, time, close);
      await checkRows(model, ["wide", "keys"], 2, close);
    },
  })),
  {
    name: "continuations with a cache are those of single adapters",
    async run(device) {
      using model = await loadModel(device, golden("gpt2_tiny"));
      for (const rows of [mixedRows, ["all"], [undefined, "wide", "small"]]) {
        await checkSteps(model, rows, close);
      }
    },
  },
  { name: "greedy texts of a mixed batch are those of single adapters", run: checkTexts },
  { name: "rows of DoRA beside rows of LoRA and of the base", run: checkDora },
  { name: "a set that is gone leaves nothing behind", run: checkLedger },
];

await testOn(allDevices, checks);
