/** Cost of a switch from one task to another; decision 0041 has the rules. @module */

import { join } from "node:path";
import { AdapterSet, injectUpdates, loadAdapter, merge, switchTo } from "../../src/adapt/mod.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { countChangedBits, grouped } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import {
  axis,
  barsAcross,
  baseLayout,
  type Figure,
  palette,
  table,
} from "../../src/figures/mod.ts";
import {
  initGpt2,
  loadModel,
  parseGpt2Config,
  saveModel,
  type TextModel,
} from "../../src/models/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { shareBase } from "../../src/runs/mod.ts";
import { openFile } from "../../src/storage/storage.ts";
import { baseFolder } from "../base_model.ts";
import {
  allHold,
  type Claim,
  clockRule,
  controlText,
  type Experiment,
  experiment,
  type ExperimentContext,
  isAtMost,
  type Judgment,
  onQuietMachine,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import { clockMet, timeInTurns, type TurnTimes } from "../frame/turns.ts";
import { batchRows, nameOf, randomAdapter } from "./random_adapters.ts";

/** Rank of both adapters, on all linear layers. */
const switchedRank = 8;

/** A way to switch. */
interface Way {
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
async function bytesOf(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of files) {
    using file = await openFile(path);
    bytes += file.bytes;
  }
  return bytes;
}

/** A base with two adapters of random values, in memory and in folders. */
interface Switched {
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
async function openSwitched(
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

/** Objects that the last switch has loaded. */
interface Kept {
  model?: Disposable;
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
function waysOf(
  { base, merged, adapters, set, folders }: Switched,
  kept: Kept,
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

/** A way to switch, and what it costs. */
export interface SwitchRow extends TurnTimes {
  readonly model: string; // its name
  readonly way: Way["name"];
  readonly read: number; // bytes of files
  readonly peak: number; // bytes of the ledger above what was live before
  readonly live: number; // bytes of the ledger that stay until the next switch
}

/** Result of the measurement. */
export interface Switching {
  readonly rows: readonly SwitchRow[];
  /** Weights with other bits than a new merge has, after all switches. */
  readonly changed: number;
}

/** Measures the small base, and with `--full` a model of GPT-2's shape. */
async function measureSwitching(context: ExperimentContext): Promise<Switching> {
  const { device, out, seeds: [seed], full } = context, folder = join(out, "switching");
  const small = await measureModel("tiny-gpt2", baseFolder, folder, context);
  if (!full) return small;
  const large = join(folder, "gpt2");
  {
    using model = initGpt2(device, parseGpt2Config(catalog.gpt2.config), { seed });
    await saveModel(model, large);
  }
  const { rows, changed } = await measureModel("GPT-2's shape, 124M", large, large, context);
  return { rows: [...small.rows, ...rows], changed: small.changed + changed };
}

async function measureModel(
  model: string,
  base: string,
  out: string,
  { device, seeds: [seed], quick, full, signal }: ExperimentContext,
): Promise<Switching> {
  using owner = new DisposableStack();
  const switched = await openSwitched(device, base, out, seed, owner), kept: Kept = {};
  const ways = waysOf(switched, kept), bytes: Pick<SwitchRow, "read" | "peak" | "live">[] = [];
  for (const way of ways) {
    bytes.push({ ...await ledgerOf(device, way, kept), read: await bytesOf(way.files) });
  }
  let turn = 0;
  const work = ways.map((way) => async () => {
    await finished(await way.switch(turn++ % 2));
    drop(kept);
  });
  const times = await timeInTurns(work, quick ? 1 : full ? 11 : 50, signal);
  const rows = ways.map(({ name }, i): SwitchRow => ({
    model,
    way: name,
    ...times[i],
    ...bytes[i],
  }));
  return { rows, changed: await countTraces(switched, seed) };
}

function drop(kept: Kept): void {
  kept.model?.[Symbol.dispose]();
  delete kept.model;
}

/** Waits until a model's weights can be read. */
async function finished({ device, parameters }: TextModel): Promise<void> {
  const [{ tensor }] = parameters.values();
  await device.read(tensor.view([1]));
}

async function ledgerOf(
  { ledger }: Device,
  way: Way,
  kept: Kept,
): Promise<Pick<SwitchRow, "peak" | "live">> {
  await way.switch(0);
  drop(kept);
  const before = ledger.read().live;
  ledger.resetPeak();
  await finished(await way.switch(1));
  const { peak, live } = ledger.read();
  drop(kept);
  return { peak: peak - before, live: live - before };
}

/** Switches of which the last is to the first adapter. */
const switches = 100;

/** Counts, after many switches, the weights with other bits than those of a new merge. */
async function countTraces({ base, merged, adapters }: Switched, seed: number): Promise<number> {
  const random = new Random(seed), choices = [...adapters, undefined];
  for (let i = 1; i < switches; i++) switchTo(merged, choices[random.integer(choices.length)]);
  switchTo(merged, adapters[0]);
  using fresh = merge(base, adapters[0]);
  let changed = 0;
  for (const [name, { tensor }] of merged.parameters) {
    const pair = await base.device.read(tensor, fresh.parameters.get(name)!.tensor);
    const [one, other] = pair.map(({ data }) => data as Float32Array);
    changed += countChangedBits(one, other);
  }
  return changed;
}

/** The most that a switch from disk may read, of the bytes of all parameters. */
const mostRead = 0.1;

/** The share by which the control may be off. */
const controlShare = 0.1;

/** The rows of each model. */
const modelsOf = (
  { rows }: Switching,
): SwitchRow[][] => [...Map.groupBy(rows, ({ model }) => model).values()];

const find = (rows: readonly SwitchRow[], way: Way["name"]): SwitchRow =>
  rows.find((row) => row.way === way)!;

const ms = (time: number): string => `${time.toFixed(time < 10 ? 1 : 0)} ms`;

const isCheap: Claim<Switching> = {
  text: "Switching an adapter costs much less than switching all parameters",
  rule:
    `when of every model a switch from disk reads at most ${
      100 * mostRead
    }% of the bytes of all parameters, and ` +
    `both it and a switch in memory take less time than loading all parameters${
      clockRule("loading them again", controlShare)
    }`,
  scale: true,
  corrected: clockMet,
  ...said.cheapSwitching,
  ours: (found) =>
    modelsOf(found).map((rows) => {
      const [memory, disk, whole] = judged(rows);
      return `${ms(memory.median)} in memory, ${ms(disk.median)} from disk, all parameters ${
        ms(whole.median)
      }`;
    }).join("; "),
  holds: (found) => allHold(modelsOf(found).flatMap((rows) => [readsLittle(rows), isQuick(rows)])),
  found: (found) =>
    modelsOf(found).map((rows) => {
      const [, disk, whole] = judged(rows), [inMemory, fromDisk] = quicker(rows);
      return `${rows[0].model}: ${grouped(disk.read)} bytes are read instead of ${
        grouped(whole.read)
      }; of the time of all parameters ${ratioText(inMemory)} in memory and ${
        ratioText(fromDisk)
      } from disk. ${controlText([controlOf(rows)])}`;
    }).join(" "),
};

const judged = (rows: readonly SwitchRow[]): SwitchRow[] =>
  (["in memory", "from disk", "all parameters"] as const).map((way) => find(rows, way));

function readsLittle(rows: readonly SwitchRow[]): boolean {
  const [, disk, whole] = judged(rows);
  return disk.read <= mostRead * whole.read;
}

const isQuick = (rows: readonly SwitchRow[]): Judgment =>
  onQuietMachine(
    [controlOf(rows)],
    controlShare,
    () => allHold(quicker(rows).map((one) => isAtMost(one, 1, controlShare))),
  );

/** A switch in memory and one from disk, by loading all parameters. */
function quicker(rows: readonly SwitchRow[]): TimeRatio[] {
  const [memory, disk, whole] = judged(rows);
  return [memory, disk].map(({ each }) => ratioOf(each, whole.each));
}

const controlOf = (rows: readonly SwitchRow[]): TimeRatio =>
  ratioOf(find(rows, "all parameters again").each, find(rows, "all parameters").each);

const leavesNoTrace: Claim<Switching> = {
  text: "A switch leaves no trace in the weights",
  rule:
    "when after 100 switches between two adapters and the base the weights have the bits of a new merge",
  beyond: true,
  ours: ({ changed }) => `${changed} weights with other bits`,
  holds: ({ changed }) => changed === 0,
};

/** The two of decision 0041. */
export const switchingClaims: readonly Claim<Switching>[] = [isCheap, leavesNoTrace];

/** The least times as bars, of one model. */
const timeFigure = (rows: readonly SwitchRow[], i: number): Figure => ({
  id: `switching-${i + 1}`,
  title: `The time of a switch: ${rows[0].model}`,
  caption: `Two adapters of rank ${switchedRank} on all linear layers. The least of ${
    rows[0].rounds
  } rounds.`,
  data: [barsAcross(rows, ({ minimum }) => minimum, ({ way }) => way, { color: palette.lora[0] })],
  layout: baseLayout(axis("ms"), axis("", { autorange: "reversed" }), { height: 240 }),
});

/** Times and bytes of a switch against loading all parameters. */
export const switching: Experiment = experiment<never, Switching>({
  name: "switching",
  seconds: 8,
  title: "What it costs to switch tasks",
  question: "What does a switch from one adapter to another cost, against loading all parameters?",
  source: "Hu et al. 2021, section 4.2",
  rows: (_, context) => measureSwitching(context),
  seeds: "{seed}",
  settings: ({ rows }) =>
    `Two adapters of random values, rank ${switchedRank} on all linear layers; ${
      rows[0].rounds
    } rounds, all ways ` +
    "taking turns, until a weight can be read. Files are in the system's cache. Decision 0041 has the rules.",
  claims: switchingClaims,
  tables: [({ rows }) =>
    table<SwitchRow>({
      id: "switching",
      title: "The cost of a switch",
      columns: [
        ["model", "model", "text"],
        ["way", "switch", "text"],
        ["minimum", "least (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["read", "bytes read from files", "bytes"],
        ["peak", "bytes at the peak", "bytes"],
        ["live", "bytes afterwards", "bytes"],
      ],
      rows,
    })],
  figures: [(found) => modelsOf(found).map(timeFigure)],
});
