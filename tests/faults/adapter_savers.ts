/** Savers of adapters. @module */

import { injectBitFit, injectBottleneck, type LoraAdapter } from "../../src/adapt/mod.ts";
import { readText } from "../../src/storage/files.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { readAdapter, readSafetensors, writeAdapter } from "../../src/formats/mod.ts";
import type { Gpt2 } from "../../src/models/mod.ts";
import { trainedLora } from "../adapt/fixtures.ts";
import { lowrank } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import type { Saver, TestedSaver } from "./check_saver.ts";
import { narrowModel } from "./narrow_model.ts";

/** An adapter's files. */
const adapterFiles = {
  groups: [{
    key: "adapter_config.json",
    names: ["README.md", "adapter_config.json", "adapter_model.safetensors"],
  }],
  read: readAdapter,
};

/** Calls `use` with a model. */
async function withModel(use: (model: Gpt2) => Promise<void>): Promise<void> {
  using device = await openCpuDevice({ threads: 1 });
  using model = narrowModel(device);
  await use(model);
}

/** Checks a saver of two LoRA adapters. */
const withLora =
  (saverOf: (one: LoraAdapter, two: LoraAdapter) => Pick<Saver, "prepare" | "save">) =>
  (check: (saver: Saver) => Promise<void>): Promise<void> =>
    withModel(async (model) => {
      using one = trainedLora(model, { alpha: 3 });
      using two = trainedLora(model, { alpha: 5, seed: 2 });
      const live = () => model.device.ledger.read().live;
      await check({ ...adapterFiles, live, ...saverOf(one, two) });
    });

const trained: readonly TestedSaver[] = [
  {
    name: "a LoRA adapter over one of another alpha is old, new or refused",
    withSaver: withLora((one, two) => ({
      prepare: (folder) => one.save(folder),
      save: (folder) => two.save(folder),
    })),
  },
  {
    name: "a LoRA adapter in a new folder is new or refused",
    killed: ["new", "refused"],
    withSaver: withLora((one) => ({ save: (folder) => one.save(folder) })),
  },
  {
    name: "a LoRA adapter over one of the same configuration is readable at any time",
    killed: ["new", "old"],
    withSaver: (check) =>
      withLora((one) => {
        const { model } = one;
        return {
          prepare: async (folder) => {
            using other = trainedLora(model, { alpha: 3, seed: 9 });
            await other.save(folder);
          },
          save: (folder) => one.save(folder),
        };
      })(check),
  },
  {
    name: "a BitFit adapter is old, new or refused",
    withSaver: (check) =>
      withModel(async (model) => {
        using adapter = injectBitFit(model);
        await check({
          ...adapterFiles,
          prepare: (folder) => adapter.save(folder),
          save: (folder) => adapter.save(folder, { baseModelName: "base", dtype: "F16" }),
          read: async (folder) => {
            await readText(`${folder}/adapter_config.json`);
            await readSafetensors(`${folder}/adapter_model.safetensors`);
          },
        });
      }),
  },
  {
    name: "bottlenecks over another adapter are old, new or refused, and its weights are gone",
    withSaver: (check) =>
      withModel(async (model) => {
        using older = injectBitFit(model);
        using adapter = injectBottleneck(model, { size: 2, onTop: true });
        const files = ["adapter_model.safetensors", "adapter.safetensors"];
        await check({
          groups: [{ key: "adapter_config.json", names: ["adapter_config.json", ...files] }],
          prepare: (folder) => older.save(folder),
          save: (folder) => adapter.save(folder, { baseModelName: "base" }),
          read: async (folder) => {
            const { method } = JSON.parse(await readText(`${folder}/adapter_config.json`));
            await readSafetensors(`${folder}/${files[method === "bottleneck" ? 1 : 0]}`);
          },
        });
      }),
  },
];

/** Two adapters of one small matrix, as every trial reads them. */
export async function narrowAdapters(root: string): Promise<string[]> {
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
export async function writeByCommand(words: readonly string[], output: string): Promise<void> {
  const { code, stderr } = await lowrank(...words, "--output", output);
  if (code !== 0) throw new Error(stderr);
}

/** The words of a command that writes one adapter, and then another. */
export const ofRank = (...words: string[]): string[][] =>
  ["1", "2"].map((rank) => [...words, "--rank", rank]);

const writers: Readonly<Record<string, (one: string, two: string) => string[][]>> = {
  resize: (one) => ofRank("resize", one),
  combine: (one, two) => ofRank("combine", one, two),
  convert: (one, two) => [["convert", one], ["convert", two, "--task-type", "SEQ_CLS"]],
};

const written = Object.entries(writers).map(([command, wordsOf]): TestedSaver => ({
  name: `${command} leaves the old adapter, the new one, or one that is refused`,
  withSaver: (check) =>
    withFolder(async (root) => {
      const [one, two] = await narrowAdapters(root), [before, after] = wordsOf(one, two);
      await check({
        ...adapterFiles,
        prepare: (folder) => writeByCommand(before, folder),
        save: (folder) => writeByCommand(after, folder),
      });
    }),
}));

/** All of them. */
export const adapterSavers: readonly TestedSaver[] = [...trained, ...written];
