/**
 * The table of methods in `docs/command_line.md`, made from their values: each is put on a small model with the
 * command line's defaults, trained for a step, saved, loaded, merged, and given to an `AdapterSet`.
 *
 * @module
 */

import { type CountedMethod, countModules } from "../../src/accounting/mod.ts";
import { type Adapter, AdapterSet, loadAnyAdapter } from "../../src/adapt/mod.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { isHubConfig } from "../../src/formats/peft/config.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { type MethodKind, methodKinds, methods } from "../../src/methods/mod.ts";
import type { MethodOption } from "../../src/methods/option.ts";
import { type Gpt2, initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { applyMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";

const heading = [
  ...["method", "what is trained", "flags (with defaults)", "values of GPT-2 (124M)"],
  ...["its folder", "PEFT loads it", "merges", "serves"],
];

/** The table as Markdown, as `deno fmt` leaves it. */
export async function methodsTable(): Promise<string> {
  const rows = [heading];
  for (const kind of methodKinds) rows.push(await rowOf(kind));
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])));
  const rule = widths.map((width) => "-".repeat(width));
  return [lines[0], rule, ...lines.slice(1)].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

/** A page with the table in the place of the one that it has. */
export function withTable(page: string, table: string): string {
  return page.replace(/\| method +\| what is trained .*\n(?:\|.*\n)+/, () => table);
}

async function rowOf(kind: MethodKind): Promise<string[]> {
  const { summary, options, defaults } = methods[kind];
  const settings = defaults?.({}) ?? {}, spec = { kind, ...settings } as MethodSpec;
  const flags = Object.entries<MethodOption>(options).flatMap(([name, { flag }]) =>
    flag === undefined ? [] : `\`${flag.split(" ")[0]}\`${defaultOf(settings[name])}`
  );
  const gpt2 = architectureOf(catalog["gpt2"].config);
  const trained = countModules(gpt2, spec as CountedMethod)
    .reduce((sum, { trainable }) => sum + trainable, 0);
  const facts = await factsOf(spec);
  return [`\`${kind}\``, summary, flags.join(", "), trained.toLocaleString("en"), ...facts];
}

const defaultOf = (value: unknown): string => value === undefined ? "" : ` (${value})`;

const yesOrNo = (is: boolean): string => is ? "yes" : "no";

/** Folder, PEFT, merging and serving, found by trying. */
async function factsOf(spec: MethodSpec): Promise<string[]> {
  using device = new ReferenceDevice();
  using model = smallModel(device);
  using adapter = await applyMethod(model, spec, 1);
  await assertTrains(model, spec, adapter);
  if (!adapter) return ["a model", "", "", ""];
  const folder = await Deno.makeTempDir();
  try {
    await adapter.save(folder);
    using _ = await loadAnyAdapter(smallModel(device), folder);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
    const isPeft = typeof config.peft_type === "string";
    const place = isPeft ? "PEFT's" : isHubConfig(config) ? "the adapters library's" : "ours";
    const serves = yesOrNo(await isServed(device, folder));
    return [place, yesOrNo(isPeft), yesOrNo(isMerged(adapter)), serves];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function smallModel(device: ReferenceDevice): Gpt2 {
  const sizes = { vocab_size: 8, n_positions: 32, n_embd: 8, n_layer: 2, n_head: 2 };
  return initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
}

/** Throws for a method of which no value moves in a step. */
async function assertTrains(model: Gpt2, { kind }: MethodSpec, adapter?: Adapter): Promise<void> {
  const trained = adapter?.parameters ?? [...model.parameters.values()];
  using trainer = new Trainer(model, { learningRate: 0.01, steps: 1 });
  const shape = [1, 8], tokens = { shape, data: Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 0) };
  const values = async () => {
    const read = await model.device.read(...trained.map(({ tensor }) => tensor));
    return read.map(({ data }) => data.join()).join();
  };
  const before = await values();
  trainer.step([{ inputs: { tokens }, targets: { shape, data: Int32Array.from(tokens.data) } }]);
  if (await values() === before) throw new Error(`a step of ${kind} changes nothing`);
}

/** True if an adapter says what merging changes. */
function isMerged(adapter: Adapter): boolean {
  try {
    return adapter.weightChanges().length > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** True if a set of adapters, which `lowrank serve` has, takes the folder. */
async function isServed(device: ReferenceDevice, folder: string): Promise<boolean> {
  using model = smallModel(device);
  using set = new AdapterSet(model);
  return await set.load({ one: folder }).then(() => true, () => false);
}
