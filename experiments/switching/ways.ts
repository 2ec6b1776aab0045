/** Ways to switch a model from one task to another. @module */

import { join } from "node:path";
import { AdapterSet, injectUpdates, loadAdapter, merge, switchTo } from "../../src/adapt/mod.ts";
import { openFile } from "../../src/storage/storage.ts";
import type { Device } from "../../src/device/device.ts";
import { loadModel, saveModel, type TextModel } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";
import { batchRows, nameOf, randomAdapter } from "../many_adapters/variants.ts";

/** Rank of both adapters, on all linear layers. */
export const switchedRank = 8;

/** A way to switch. */
export interface Way {
  /** Its name in tables. */
  readonly name:
    | "rows of a set"
    | "in memory"
    | "from disk"
    | "all parameters"
    | "all parameters again"
    | "base, adapter and merge";
  /** Files that it reads. */
  readonly files: readonly string[];
  /** Switches to an adapter, 0 or 1, and gives the model that has it. */
  switch(to: number): TextModel | Promise<TextModel>;
}

/** The files of a model, and of an adapter, that are read. */
const modelFiles = ["config.json", "model.safetensors"];
const adapterFiles = ["adapter_config.json", "adapter_model.safetensors"];

const within = (folder: string, names: readonly string[]) =>
  names.map((name) => join(folder, name));

/** Bytes of files on the disk. */
export async function bytesOf(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of files) {
    using file = await openFile(path);
    bytes += file.bytes;
  }
  return bytes;
}

/** A base with two adapters of random values, in memory and in folders. */
export interface Switched {
  readonly base: TextModel; // without adapters in force
  readonly merged: ReturnType<typeof merge<TextModel>>; // with the first
  readonly adapters: readonly ReturnType<typeof injectUpdates>[]; // on the device, not in force
  readonly set: AdapterSet; // with both
  readonly folders: {
    readonly base: string;
    readonly adapters: readonly string[];
    readonly tuned: readonly string[]; // the model merged with each
  };
}

/** Makes all of it; `owner` frees what is on the device. */
export async function openSwitched(
  device: Device,
  baseFolder: string,
  out: string,
  seed: number,
  owner: DisposableStack,
): Promise<Switched> {
  const base = owner.use(await loadModel(device, baseFolder));
  const set = owner.use(new AdapterSet(shareBase(base)));
  const updates = [0, 1].map((i) => randomAdapter(base, switchedRank, seed, i));
  set.add(Object.fromEntries(updates.map((own, i) => [nameOf(i), own])));
  const adapters = updates.map((own) => {
    const adapter = owner.use(injectUpdates(base, own));
    adapter.remove();
    return adapter;
  });
  const folders = {
    base: baseFolder,
    adapters: adapters.map((_, i) => join(out, `adapter-${i}`)),
    tuned: adapters.map((_, i) => join(out, `tuned-${i}`)),
  };
  for (const [i, adapter] of adapters.entries()) {
    await adapter.save(folders.adapters[i]);
    using tuned = merge(base, adapter);
    await saveModel(tuned, folders.tuned[i]);
  }
  return { base, merged: owner.use(merge(base, adapters[0])), adapters, set, folders };
}

const inSet = (base: Switched["base"], set: Switched["set"]): Way => ({
  name: "rows of a set",
  files: [],
  switch: (to) => {
    set.use(Array.from({ length: batchRows }, () => nameOf(to)));
    return base;
  },
});

const inMemory = (merged: Switched["merged"], adapters: Switched["adapters"]): Way => ({
  name: "in memory",
  files: [],
  switch: (to) => {
    switchTo(merged, adapters[to]);
    return merged;
  },
});

/** The five of decision 0041, and loading all parameters again, the control; `kept` holds what a switch has loaded, until the next one. */
export function waysOf(
  { base, merged, adapters, set, folders }: Switched,
  kept: { model?: Disposable },
): readonly Way[] {
  const { device } = base;
  const keep = <M extends Disposable>(model: M): M => kept.model = model;
  const loadAll = {
    files: within(folders.tuned[0], modelFiles),
    switch: async (to: number) => keep(await loadModel(device, folders.tuned[to])),
  };
  return [
    inSet(base, set),
    inMemory(merged, adapters),
    {
      name: "from disk",
      files: within(folders.adapters[0], adapterFiles),
      switch: async (to) => {
        using adapter = await loadAdapter(base, folders.adapters[to]);
        adapter.remove();
        switchTo(merged, adapter);
        return merged;
      },
    },
    { name: "all parameters", ...loadAll },
    { name: "all parameters again", ...loadAll },
    {
      name: "base, adapter and merge",
      files: [...within(folders.base, modelFiles), ...within(folders.adapters[0], adapterFiles)],
      switch: async (to) => {
        const loaded = new DisposableStack(),
          own = loaded.use(await loadModel(device, folders.base));
        using adapter = await loadAdapter(own, folders.adapters[to]);
        const model = loaded.use(merge(own, adapter));
        keep(loaded);
        return model;
      },
    },
  ];
}
