/** Savers of models. @module */

import { assertEquals } from "@std/assert";
import { merge } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { type Gpt2, loadModel, quantizeFolder, saveModel } from "../../src/models/mod.ts";
import { trainedLora } from "../adapt/fixtures.ts";
import { lowrank } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { operationsOf, type TestedSaver } from "./check_saver.ts";
import { narrowModel } from "./narrow_model.ts";

const weights = ["config.json", "model.safetensors", "model.safetensors.index.json"];

/** A model's files. */
const modelFiles = (device: Device) => ({
  groups: [{ key: "config.json", names: weights }],
  live: () => device.ledger.read().live,
  read: async (folder: string) => {
    using _ = await loadModel(device, folder);
  },
});

/** Calls `use` with two models, and a folder in which there is nothing. */
const withModels = (use: (model: Gpt2, other: Gpt2, root: string) => Promise<void>) =>
  withFolder(async (root) => {
    using device = await openCpuDevice({ threads: 1 });
    using model = narrowModel(device);
    using other = narrowModel(device, 4);
    await use(model, other, root);
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

const small = ["tokenizer_config.json", "tokenizer.json", "generation_config.json"];

/** Files that are saved along with a model. */
const along = (text: string) => ({
  files: Object.fromEntries(
    small.map((name) => [name, new TextEncoder().encode(JSON.stringify(name + text))]),
  ),
});

const tokenizerGroup = { key: "tokenizer.json", names: small.slice(0, 2) };

/** All of them. */
export const modelSavers: readonly TestedSaver[] = [
  {
    name: "a model over a sharded one is old, new or refused, and the shards are gone",
    withSaver: (check) =>
      withModels((model, other) =>
        check({
          ...modelFiles(model.device),
          groups: [{ key: "config.json", names: [...weights, "part.safetensors"] }],
          prepare: async (folder) => {
            await saveModel(other, folder, "F16");
            await shard(folder);
          },
          save: (folder) => saveModel(model, folder),
        })
      ),
  },
  {
    name: "a merged model with its tokenizer is old, new or refused, and so is the tokenizer",
    withSaver: (check) =>
      withModels(async (model, _, root) => {
        const [source, first, second] = ["source", "one", "two"].map((name) => `${root}/${name}`);
        using one = trainedLora(model);
        using two = trainedLora(model, { seed: 2, sites: ["k"] });
        await one.save(first);
        await two.save(second);
        using merged = merge(model, two);
        const save = (folder: string) => saveModel(merged, folder, "F32", along("new"));
        const command = (adapter: string, output: string) =>
          lowrank("merge", "--model", source, "--adapter", adapter, "--output", output);
        await saveModel(model, source, "F32", along("old"));
        await check({
          ...modelFiles(model.device),
          groups: [{ key: "config.json", names: [...weights, ...small] }, tokenizerGroup],
          prepare: async (folder) => void await command(first, folder),
          save,
        });
        // The command does what was tried.
        const byCommand = await operationsOf(() => command(second, `${root}/by command`));
        assertEquals(byCommand, await operationsOf(() => save(`${root}/by call`)));
      }),
  },
  {
    name:
      "a quantized model over a sharded one of floats is old, new or refused, and so is its tokenizer",
    withSaver: (check) =>
      withModels(async (model, other, root) => {
        const source = `${root}/source`;
        await saveModel(model, source, "F32", along("new"));
        const save = (folder: string) =>
          quantizeFolder(source, folder, { doubleQuantization: false });
        const names = [...weights, ...small, "part.safetensors"];
        await check({
          ...modelFiles(model.device),
          groups: [{ key: "config.json", names }, tokenizerGroup],
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
      }),
  },
];
