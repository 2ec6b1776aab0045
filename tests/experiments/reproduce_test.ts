import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { claimFolder } from "../../src/core/folder_claim.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { countTrained } from "../../experiments/counting.ts";
import { gpt3Memory } from "../../experiments/memory.ts";
import { parseReproduceArgs } from "../../experiments/main.ts";
import { experiments, selectExperiments } from "../../experiments/registry.ts";
import type { Experiment } from "../../experiments/frame/experiment.ts";
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
    out: "results/quick",
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
  for (const seeds of ["0", "1e9", "1.5", "x"]) {
    assertThrows(() => parseReproduceArgs(["--seeds", seeds]), RangeError, "--seeds must be");
  }
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
    assertEquals(filesIn(out), ["adapters", "partial.html", "partial.json", "runs"]);
    const { results, facts } = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
    assertMatch(facts.partial, /^by --only; without counting, memory, .*real-adapter/);
    const [, exact, switched] = results[0].findings;
    assertEquals([exact.verdict, switched.verdict], ["reproduced", "reproduced"]);
    assertStringIncludes(exact.found, "0 of the base's numbers changed");
    const adapters = filesIn(`${out}/adapters`);
    assertEquals(adapters, ["nouns-lora-16-seed1", "verbs-lora-16-seed1"]);
    for (const name of adapters) {
      assertEquals((await readAdapter(`${out}/adapters/${name}`)).updates.length, 12);
    }
  });
});

Deno.test("a main job that is stopped says what is missing, and replaces no whole report", async () => {
  await withFolder(async (out) => {
    const options = { seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    await Deno.writeTextFile(`${out}/index.html`, "whole");
    await Deno.writeTextFile(`${out}/results.json`, "whole");
    const said = await silently(() =>
      reproduce(device, { ...options, only: ["counting", "memory"] }, AbortSignal.abort("enough"))
    );
    const sentence = "stopped before it was finished; without counting, memory, paper";
    assertStringIncludes(said, `partial: ${sentence}`);
    const { facts, missing, results } = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
    assertEquals([results, missing], [[], experiments.map(({ name }) => name)]);
    assertStringIncludes(facts.partial, sentence);
    assertStringIncludes(await Deno.readTextFile(`${out}/partial.html`), sentence);
    for (const name of ["index.html", "results.json"]) {
      assertEquals(await Deno.readTextFile(`${out}/${name}`), "whole");
    }
  });
});

/** Runs the main job with other results, or failures, in place of what experiments find. */
async function withRuns(
  runOf: (name: string) => Experiment["run"],
  work: () => Promise<void>,
): Promise<void> {
  using restored = new DisposableStack();
  for (const one of experiments) {
    const { run } = one;
    restored.defer(() => one.run = run);
    one.run = runOf(one.name);
  }
  await work();
}

const nothing = { settings: "Nothing.", findings: [], tables: [], figures: [] };

Deno.test("an experiment that fails is named in the report of the others, and ends the job", async () => {
  await withFolder(async (out) => {
    const options = { seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    const { signal } = new AbortController(), only = ["memory", "counting"];
    const job = () => silently(() => reproduce(device, { ...options, only }, signal));
    const runOf = (name: string) => () =>
      name === "memory" ? Promise.reject(new Error("no \u001bmemory")) : Promise.resolve(nothing);
    await withRuns(runOf, async () => void await assertRejects(job, Error, "no \u001bmemory"));
    const { facts, results } = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
    assertEquals(results.map(({ name }: { name: string }) => name), ["counting"]);
    assertMatch(facts.partial, /^memory failed \(no [!-~]*memory\); without memory, /);
    assertStringIncludes(await Deno.readTextFile(`${out}/partial.html`), "memory failed");
  });
});

Deno.test("a whole report replaces a partial one", async () => {
  await withFolder(async (out) => {
    const options = { only: [], seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    for (const name of ["partial.json", "partial.html"]) {
      await Deno.writeTextFile(`${out}/${name}`, "old");
    }
    const job = () => silently(() => reproduce(device, options, new AbortController().signal));
    await withRuns(() => () => Promise.resolve(nothing), async () => void await job());
    assertEquals(filesIn(out), ["index.html", "results.json"]);
  });
});

Deno.test("two main jobs at once in one folder: the second is refused in one sentence", async () => {
  await withFolder(async (out) => {
    const options = { only: ["counting"], seeds: [1], deviceKind: undefined, out };
    using device = await openCpuDevice({ threads: 1 });
    using _ = await claimFolder(out);
    const again = () =>
      reproduce(device, { ...options, quick: true, full: false }, new AbortController().signal);
    const sentence = `cannot use the folder ${out}: it is in use by another save or training`;
    await assertRejects(() => silently(again), Error, sentence);
    assertEquals(filesIn(out), []);
  });
});

/** Runs without a word on the console; returns what it would have printed as results. */
async function silently(work: () => Promise<void>): Promise<string> {
  const { log, error } = console, lines: string[] = [];
  Object.assign(console, { log: (line: string) => lines.push(line), error: () => {} });
  try {
    await work();
    return lines.join("\n");
  } finally {
    Object.assign(console, { log, error });
  }
}
