/** Saving with a fault at every operation: a reader finds the old files, the new ones, or none. */

import { assertEquals } from "@std/assert";
import { injectBitFit, injectBottleneck, type LoraAdapter, merge } from "../../src/adapt/mod.ts";
import { readText, writeFileAtomic } from "../../src/core/files.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { Random } from "../../src/core/random.ts";
import { readAdapter, readSafetensors, writeAdapter } from "../../src/formats/mod.ts";
import { loadModel, quantizeFolder, saveModel } from "../../src/models/mod.ts";
import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { trainedLora } from "../adapt/fixtures.ts";
import { lowrank } from "../cli/lowrank.ts";
import { withFolder } from "../support/folders.ts";
import { checkSaver, operationsOf, type Saver, type Tally } from "./check_saver.ts";
import type { Fault } from "./faulty_disk.ts";
import { narrowModel } from "./narrow_model.ts";

/** What readers found after a fault, each once. */
const foundAfter = (tally: Tally, fault: Fault) => Object.keys(tally[fault] ?? {}).sort();

/** Checks a save over old files of which more than one changes. */
async function checkReplaced(saver: Saver & Required<Pick<Saver, "prepare">>): Promise<void> {
  const { tally } = await checkSaver(saver);
  assertEquals(foundAfter(tally, "kill"), ["new", "old", "refused"]);
  assertEquals(foundAfter(tally, "EIO"), ["new", "old"]);
}

/** An adapter's files. */
const adapterFiles = {
  groups: [{
    key: "adapter_config.json",
    names: ["README.md", "adapter_config.json", "adapter_model.safetensors"],
  }],
  read: readAdapter,
};

Deno.test("one file is old or new", async () => {
  const save = (folder: string) => writeFileAtomic(`${folder}/file`, "the new content");
  const file = {
    save,
    groups: [{ key: "file", names: ["file"] }],
    read: (folder: string) => readText(`${folder}/file`),
  };
  const prepare = (folder: string) => writeFileAtomic(`${folder}/file`, "the old one");
  const { tally } = await checkSaver({ ...file, prepare });
  assertEquals(foundAfter(tally, "kill"), ["new", "old"]);
  assertEquals(foundAfter((await checkSaver(file)).tally, "kill"), ["new", "refused"]);
});

/** Saves the two adapters of one test one after the other. */
async function withAdapters(
  use: (one: LoraAdapter, two: LoraAdapter, live: () => number) => Promise<void>,
): Promise<void> {
  using device = await openCpuDevice({ threads: 1 });
  using model = narrowModel(device);
  using one = trainedLora(model, { alpha: 3 });
  using two = trainedLora(model, { alpha: 5, seed: 2 });
  await use(one, two, () => device.ledger.read().live);
}

Deno.test("a LoRA adapter over one of another alpha is old, new or refused", () =>
  withAdapters((one, two, live) =>
    checkReplaced({
      ...adapterFiles,
      live,
      prepare: (folder) => one.save(folder),
      save: (folder) => two.save(folder),
    })
  ));

Deno.test("a LoRA adapter in a new folder is new or refused", () =>
  withAdapters(async (one, _, live) => {
    const save = (folder: string) => one.save(folder);
    const { tally } = await checkSaver({ ...adapterFiles, live, save });
    assertEquals(foundAfter(tally, "kill"), ["new", "refused"]);
  }));

Deno.test("a LoRA adapter over one of the same configuration is readable at any time", () =>
  withAdapters(async (one, _, live) => {
    using other = trainedLora(one.model, { alpha: 3, seed: 9 });
    const { tally } = await checkSaver({
      ...adapterFiles,
      live,
      prepare: (folder) => other.save(folder),
      save: (folder) => one.save(folder),
    });
    assertEquals(foundAfter(tally, "kill"), ["new", "old"]);
  }));

Deno.test("a BitFit adapter is old, new or refused", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = narrowModel(device);
  using adapter = injectBitFit(model);
  await checkReplaced({
    ...adapterFiles,
    prepare: (folder) => adapter.save(folder),
    save: (folder) => adapter.save(folder, { baseModelName: "base", dtype: "F16" }),
    read: async (folder) => {
      await readText(`${folder}/adapter_config.json`);
      await readSafetensors(`${folder}/adapter_model.safetensors`);
    },
  });
});

Deno.test("bottlenecks over another adapter are old, new or refused, and its weights are gone", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = narrowModel(device);
  using older = injectBitFit(model);
  using adapter = injectBottleneck(model, { size: 2, onTop: true });
  const files = ["adapter_model.safetensors", "adapter.safetensors"];
  await checkReplaced({
    groups: [{ key: "adapter_config.json", names: ["adapter_config.json", ...files] }],
    prepare: (folder) => older.save(folder),
    save: (folder) => adapter.save(folder, { baseModelName: "base" }),
    read: async (folder) => {
      const { method } = JSON.parse(await readText(`${folder}/adapter_config.json`));
      await readSafetensors(`${folder}/${files[method === "bottleneck" ? 1 : 0]}`);
    },
  });
});

const weights = ["config.json", "model.safetensors", "model.safetensors.index.json"];

/** A model's files. */
const modelFiles = (device: Device) => ({
  groups: [{ key: "config.json", names: weights }],
  live: () => device.ledger.read().live,
  read: async (folder: string) => {
    using _ = await loadModel(device, folder);
  },
});

/** Makes the weights of a saved model a shard. */
async function shard(folder: string): Promise<void> {
  await Deno.rename(`${folder}/model.safetensors`, `${folder}/part.safetensors`);
  const { tensors } = await readSafetensors(`${folder}/part.safetensors`);
  const weight_map = Object.fromEntries(
    [...tensors.keys()].map((name) => [name, "part.safetensors"]),
  );
  await Deno.writeTextFile(`${folder}/${weights[2]}`, JSON.stringify({ weight_map }));
}

Deno.test("a model over a sharded one is old, new or refused, and the shards are gone", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = narrowModel(device);
  using other = narrowModel(device, 4);
  await checkReplaced({
    ...modelFiles(device),
    groups: [{ key: "config.json", names: [...weights, "part.safetensors"] }],
    prepare: async (folder) => {
      await saveModel(other, folder, "F16");
      await shard(folder);
    },
    save: (folder) => saveModel(model, folder),
  });
});

const small = ["tokenizer_config.json", "tokenizer.json", "generation_config.json"];

/** What is saved along with a model. */
const along = (text: string) => ({
  files: Object.fromEntries(
    small.map((name) => [name, new TextEncoder().encode(JSON.stringify(name + text))]),
  ),
});

Deno.test("a merged model with its tokenizer is old, new or refused, and so is the tokenizer", () =>
  withFolder(async (root) => {
    const [source, first, second] = ["source", "one", "two"].map((name) => `${root}/${name}`);
    using device = await openCpuDevice({ threads: 1 });
    using model = narrowModel(device);
    using one = trainedLora(model);
    using two = trainedLora(model, { seed: 2, sites: ["k"] });
    await one.save(first);
    await two.save(second);
    using merged = merge(model, two);
    const save = (folder: string) => saveModel(merged, folder, "F32", along("new"));
    const command = (adapter: string, output: string) =>
      lowrank("merge", "--model", source, "--adapter", adapter, "--output", output);
    await saveModel(model, source, "F32", along("old"));
    await checkReplaced({
      ...modelFiles(device),
      groups: [
        { key: "config.json", names: [...weights, ...small] },
        { key: "tokenizer.json", names: small.slice(0, 2) },
      ],
      prepare: async (folder) => void await command(first, folder),
      save,
    });
    // The command does what was tried.
    const byCommand = await operationsOf(() => command(second, `${root}/by command`));
    const byCall = await operationsOf(() => save(`${root}/by call`));
    assertEquals(byCommand, byCall);
  }));

Deno.test("a quantized model over a sharded one of floats is old, new or refused, and so is its tokenizer", () =>
  withFolder(async (root) => {
    const source = `${root}/source`;
    using device = await openCpuDevice({ threads: 1 });
    using model = narrowModel(device);
    using other = narrowModel(device, 4);
    await saveModel(model, source, "F32", along("new"));
    const save = (folder: string) => quantizeFolder(source, folder, { doubleQuantization: false });
    await checkReplaced({
      ...modelFiles(device),
      groups: [
        { key: "config.json", names: [...weights, ...small, "part.safetensors"] },
        { key: "tokenizer.json", names: small.slice(0, 2) },
      ],
      save,
      prepare: async (folder) => {
        await saveModel(other, folder, "F16", along("old"));
        await shard(folder);
      },
    });
    // The command does what was tried.
    const args = ["quantize", source, `${root}/by command`, "--no-double-quantization"];
    const byCommand = await operationsOf(() => lowrank(...args));
    assertEquals(byCommand, await operationsOf(() => save(`${root}/by call`)));
  }));

/** Two adapters of one small matrix, as every trial reads them. */
async function narrowAdapters(root: string): Promise<string[]> {
  const folders = [`${root}/one`, `${root}/two`];
  for (const [i, folder] of folders.entries()) {
    const random = new Random(i + 1),
      [A, B] = [[2, 3], [4, 2]].map((shape) => ({
        ...{ shape, data: random.uniformWithin(1, shape[0] * shape[1]) },
      }));
    await writeAdapter(folder, { updates: [{ module: "h.0.q", A, B, scaling: 1 }] });
  }
  return folders;
}

/** Runs a command that writes a folder. */
async function writeByCommand(words: readonly string[], output: string): Promise<void> {
  const { code, stderr } = await lowrank(...words, "--output", output);
  if (code !== 0) throw new Error(stderr);
}

const ofRank = (...words: string[]) => ["1", "2"].map((rank) => [...words, "--rank", rank]);

const adapterWriters: readonly ((one: string, two: string) => string[][])[] = [
  (one) => ofRank("resize", one),
  (one, two) => ofRank("combine", one, two),
  (one, two) => [["convert", one], ["convert", two, "--task-type", "SEQ_CLS"]],
];

for (const writer of adapterWriters) {
  const [[command]] = writer("", "");
  Deno.test(`${command} leaves the old adapter, the new one, or one that is refused`, () =>
    withFolder(async (root) => {
      const [one, two] = await narrowAdapters(root), [before, after] = writer(one, two);
      await checkReplaced({
        ...adapterFiles,
        prepare: (folder) => writeByCommand(before, folder),
        save: (folder) => writeByCommand(after, folder),
      });
    }));
}

Deno.test("extract saves as combine does", () =>
  withFolder(async (root) => {
    using device = await openCpuDevice({ threads: 1 });
    const models = [`${root}/base`, `${root}/tuned`];
    for (const [i, folder] of models.entries()) {
      using model = narrowModel(device, 3 + i);
      await saveModel(model, folder, "F32");
    }
    const save = async ([words]: readonly string[][], folder: string) => {
      const names = await operationsOf(() => writeByCommand(words, `${root}/${folder}`));
      return names.filter((name, i) => name !== names[i - 1]); // Each has tensors of its own.
    };
    const combine = ofRank("combine", ...await narrowAdapters(root));
    assertEquals(await save(ofRank("extract", ...models), "a"), await save(combine, "b"));
  }));

Deno.test("a tokenizer is old, new or refused", async () => {
  const train = (text: string, specialToken: string) =>
    trainBytePairs([text], { vocabularySize: 260, specialToken });
  const [old, fresh] = [train("old old old", "<|old|>"), train("new new new", "<|new|>")];
  await checkReplaced({
    groups: [{ key: "tokenizer.json", names: small.slice(0, 2) }],
    prepare: (folder) => saveTokenizer(folder, old),
    save: (folder) => saveTokenizer(folder, fresh),
    read: (folder) => readText(`${folder}/tokenizer.json`),
  });
});
