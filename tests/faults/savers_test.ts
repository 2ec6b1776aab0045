/** Saving with a fault at every operation: a reader finds the old files, the new ones, or none. */

import { assertEquals } from "@std/assert";
import { injectBitFit, loadAdapter, type LoraAdapter, merge } from "../../src/adapt/mod.ts";
import { smallFilesOf } from "../../src/cli/model_folder.ts";
import { readBytes, readText, writeFileAtomic } from "../../src/core/files.ts";
import { saveFolder } from "../../src/core/save_folder.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { readAdapter, readSafetensors } from "../../src/formats/mod.ts";
import { loadModel, saveModel } from "../../src/models/mod.ts";
import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { tinyModel, trainedLora } from "../adapt/fixtures.ts";
import { lowrank, model as goldenModel } from "../cli/lowrank.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { checkSaver, operationsOf, type Saver, type Tally } from "./check_saver.ts";
import type { Fault } from "./faulty_disk.ts";

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
  using model = tinyModel(device);
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
  using model = tinyModel(device);
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
  using model = tinyModel(device);
  using base = await loadModel(device, goldenModel);
  await checkReplaced({
    ...modelFiles(device),
    groups: [{ key: "config.json", names: [...weights, "part.safetensors"] }],
    prepare: async (folder) => {
      await saveModel(base, folder);
      await shard(folder);
    },
    save: (folder) => saveModel(model, folder),
  });
});

const small = ["tokenizer_config.json", "tokenizer.json", "generation_config.json"];

/** Makes a copy of the golden model with small files. */
async function writeSource(folder: string, text: string): Promise<void> {
  const copied = ["model.safetensors", "config.json"].map(async (name) => {
    return { name, content: await readBytes(`${goldenModel}/${name}`) };
  });
  const made = small.map((name) => ({ name, content: JSON.stringify({ name, text }) }));
  const [model, config] = await Promise.all(copied);
  await saveFolder(folder, [model, ...made, config]);
}

Deno.test("a merged model with its tokenizer is old, new or refused, and so is the tokenizer", () =>
  withFolder(async (source) => {
    const [one, two] = ["peft_c_attn", "peft_all_linear"].map((name) => golden(`adapters/${name}`));
    await writeSource(source, "new");
    using device = await openCpuDevice({ threads: 1 });
    using base = await loadModel(device, source);
    using adapter = await loadAdapter(base, two);
    using merged = merge(base, adapter);
    const along = await smallFilesOf(source);
    const save = (folder: string) => saveModel(merged, folder, "F32", along);
    const command = (adapter: string, output: string) => () =>
      lowrank("merge", "--model", source, "--adapter", adapter, "--output", output);
    await writeSource(source, "old");
    await checkReplaced({
      ...modelFiles(device),
      groups: [
        { key: "config.json", names: [...weights, ...small] },
        { key: "tokenizer.json", names: small.slice(0, 2) },
      ],
      prepare: async (folder) => void await command(one, folder)(),
      save,
    });
    // The command does what was tried, after it has tried to write to the folder.
    const folder = `${source}/out`, probe = ["makeFolder", "create", "remove"];
    assertEquals(
      await operationsOf(command(two, folder)),
      [...probe, ...await operationsOf(() => save(`${source}/other`))],
    );
  }));

Deno.test("resize leaves the old adapter, the new one, or one that is refused", async () => {
  const resize = async (rank: string, output: string) => {
    const args = ["resize", golden("adapters/peft_c_attn"), "--rank", rank, "--output", output];
    const { code, stderr } = await lowrank(...args);
    if (code !== 0) throw new Error(stderr);
  };
  await checkReplaced({
    ...adapterFiles,
    prepare: (folder) => resize("1", folder),
    save: (folder) => resize("2", folder),
  });
});

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
