/** Times and bytes of switches, and whether they leave a trace. @module */

import { join } from "node:path";
import { merge, switchTo } from "../../src/adapt/mod.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { countChangedBits } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { initGpt2, parseGpt2Config, saveModel, type TextModel } from "../../src/models/mod.ts";
import { baseFolder } from "../base_model.ts";
import type { ExperimentContext } from "../frame/mod.ts";
import { timeInTurns, type TurnTimes } from "../quantized/speed/turns.ts";
import { bytesOf, openSwitched, type Switched, type Way, waysOf } from "./ways.ts";

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
export async function measureSwitching(context: ExperimentContext): Promise<Switching> {
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
  const times = await timeInTurns(work, quick ? 1 : full ? 11 : 100, signal);
  const rows = ways.map(({ name }, i): SwitchRow => ({
    model,
    way: name,
    ...times[i],
    ...bytes[i],
  }));
  return { rows, changed: await countTraces(switched, seed) };
}

/** Objects that the last switch has loaded. */
interface Kept {
  model?: Disposable;
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
