import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { countTrained } from "../../experiments/counting.ts";
import { gpt3Memory } from "../../experiments/memory.ts";
import { parseReproduceArgs } from "../../experiments/main.ts";
import { selectExperiments } from "../../experiments/registry.ts";
import { reproduce } from "../../experiments/frame/reproduce.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { filesIn, withFolder } from "../support/folders.ts";

Deno.test("GPT-3 175B: LoRA trains 9,251 times fewer values at r = 4 and 37,003 times at r = 1", () => {
  const full = countTrained(0);
  assertEquals(full, 174_604_259_328);
  assertEquals(countTrained(4), 18_874_368);
  assertEquals(Math.round(full / countTrained(4)), 9_251);
  assertEquals(Math.round(full / countTrained(1)), 37_003);
});

Deno.test("GPT-3 175B: the ledger's state bytes are 16 a trained and 4 a frozen value", () => {
  const full = gpt3Memory(0).peakByRole, lora = gpt3Memory(4).peakByRole;
  const values = countTrained(0), trained = countTrained(4);
  assertEquals(full.weight, 4 * values);
  assertEquals(full.gradient + full.optimizer, 12 * values);
  assertEquals(lora.weight, 4 * values);
  assertEquals(lora.adapter + lora.gradient + lora.optimizer, 16 * trained);
});

Deno.test("the arguments of reproduce are read, and wrong ones named", () => {
  assertEquals(parseReproduceArgs(["--only", "counting, memory", "--seeds", "3", "--quick"]), {
    only: ["counting", "memory"],
    seeds: [1, 2, 3],
    deviceKind: undefined,
    out: "results",
    quick: true,
    full: false,
    shard: undefined,
  });
  assertEquals(parseReproduceArgs(["--full", "--shard", "2/4"]), {
    only: [],
    seeds: [1, 2, 3],
    deviceKind: undefined,
    out: "results",
    quick: false,
    full: true,
    shard: { index: 2, count: 4 },
  });
  for (const shard of ["0/2", "3/2", "1", "a/b", "1/2/3"]) {
    assertThrows(() => parseReproduceArgs(["--shard", shard]), RangeError, `found ${shard}`);
  }
  assertThrows(() => parseReproduceArgs(["--seeds", "0"]), RangeError, "--seeds");
  assertThrows(() => parseReproduceArgs(["--device", "tpu"]), RangeError, "found tpu");
  assertThrows(() => selectExperiments(["countin"]), RangeError, "counting, memory");
});

Deno.test("the main job merges, unmerges and switches adapters exactly, and writes what it found", async () => {
  await withFolder(async (out) => {
    const options = {
      only: ["merging"],
      seeds: [1],
      deviceKind: undefined,
      out,
      quick: true,
      full: false,
    };
    using device = await openCpuDevice({ threads: 2 });
    const before = device.ledger.read().live;
    await silently(() => reproduce(device, options, new AbortController().signal));
    assertEquals(device.ledger.read().live, before);
    assertEquals(filesIn(out), ["adapters", "index.html", "results.json", "runs"]);
    const { results } = JSON.parse(await Deno.readTextFile(`${out}/results.json`));
    const [, exact, switched] = results[0].findings;
    assertEquals([exact.verdict, switched.verdict], ["held", "held"]);
    assertStringIncludes(exact.found, "0 of the base's numbers changed");
    const adapters = filesIn(`${out}/adapters`);
    assertEquals(adapters, ["nouns-lora-16-seed1", "verbs-lora-16-seed1"]);
    for (const name of adapters) {
      assertEquals((await readAdapter(`${out}/adapters/${name}`)).updates.length, 12);
    }
  });
});

Deno.test("a main job that is stopped writes the experiments that were finished", async () => {
  await withFolder(async (out) => {
    const options = { only: [], seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    const controller = new AbortController();
    controller.abort();
    await silently(() => reproduce(device, options, controller.signal));
    assertEquals(filesIn(out), ["index.html", "results.json"]);
  });
});

/** Runs without a word on the console. */
async function silently(work: () => Promise<void>): Promise<void> {
  const { log, error } = console;
  Object.assign(console, { log: () => {}, error: () => {} });
  try {
    await work();
  } finally {
    Object.assign(console, { log, error });
  }
}
