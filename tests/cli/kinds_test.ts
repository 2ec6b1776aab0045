/**
 * Every command that reads an adapter, on adapters of every method: it works, or says in one sentence that names
 * both why not. `train --adapter` and `evaluate` are in `methods_test.ts`.
 */

import { assertEquals } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { openDevice } from "../../src/device/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { methodOf } from "../../src/cli/method.ts";
import { applyMethod, type MethodKind, methodKinds } from "../../src/runs/mod.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import "../support/open_lapack.ts";
import { logitsArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank } from "./lowrank.ts";

const base = "models/tiny-gpt2", kinds = methodKinds.filter((kind) => kind !== "full");

/** A command on an adapter. */
interface Reading {
  readonly args: (adapter: string, output: string) => readonly string[];
  /** The methods for which it works; all if absent. */
  readonly takes?: readonly MethodKind[];
  /** What it says to the others. */
  readonly sentence?: (kind: MethodKind, adapter: string) => string;
}

const onBase = ["--base", base], onModel = ["--model", base];
const lowRank: readonly MethodKind[] = ["lora", "vera"];

const noUpdates = (action: string) => (kind: MethodKind, adapter: string) =>
  `${action} needs LoRA or VeRA, which change weights by low-rank updates, found "${kind}" in ${adapter}\n`;

const withoutBase = (action: string) => (kind: MethodKind, adapter: string) =>
  kind === "vera"
    ? `${action} needs --base for "vera" in ${adapter}, as its file does not say how many inputs a layer has, ` +
      "found none\n"
    : noUpdates(action)(kind, adapter);

const loraAlone = (action: string) => (kind: MethodKind, adapter: string) =>
  `${action} needs LoRA, found "${kind}" in ${adapter}` +
  (kind === "vera" ? ": lowrank convert --base writes it as LoRA\n" : "\n");

const commands: Readonly<Record<string, Reading>> = {
  "inspect": {
    args: (adapter) => ["inspect", adapter],
    ...{ takes: ["lora"], sentence: withoutBase("inspect") },
  },
  "inspect --base": {
    args: (adapter) => ["inspect", adapter, ...onBase],
    ...{ takes: lowRank, sentence: noUpdates("inspect") },
  },
  "compare": {
    args: (adapter) => ["compare", adapter, adapter],
    ...{ takes: ["lora"], sentence: loraAlone("compare") },
  },
  "resize": {
    args: (adapter, output) => ["resize", adapter, "--rank", "1", "--output", output],
    ...{ takes: ["lora"], sentence: loraAlone("resize") },
  },
  "combine": {
    args: (adapter, output) => ["combine", adapter, `${adapter}:-0.5`, "--output", output],
    ...{ takes: ["lora"], sentence: loraAlone("combine") },
  },
  "convert": {
    args: (adapter, output) => ["convert", adapter, "--output", output],
    ...{ takes: ["lora"], sentence: withoutBase("convert") },
  },
  "convert --base": {
    args: (adapter, output) => ["convert", adapter, ...onBase, "--to", "kohya", "--output", output],
    ...{ takes: lowRank, sentence: noUpdates("convert") },
  },
  "merge": {
    args: (adapter, output) => ["merge", ...onModel, "--adapter", adapter, "--output", output],
    takes: [...lowRank, "bitfit", "top-layers"],
    sentence: (kind, adapter) =>
      `merging needs an adapter that changes weights, found "${kind}" in ${adapter}\n`,
  },
  "generate": {
    args: (adapter) => [
      ...["generate", ...onModel, "--adapter", adapter],
      ...["--prompt", "boat:", "--max-new-tokens", "1"],
    ],
  },
};

/** Saves an adapter of a method, of random values, with the settings that `train` gives it. */
async function save(kind: MethodKind, folder: string): Promise<void> {
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, base);
  using adapter = await applyMethod(model, methodOf({ method: kind }), 1);
  const random = new Random(2);
  for (const { tensor, size } of adapter!.parameters) {
    device.write(tensor, Float32Array.from({ length: size }, () => 0.1 * random.normal()));
  }
  await adapter!.save(folder);
}

for (const kind of kinds) {
  Deno.test(`${kind}: every command takes its adapter, or says in one sentence why not`, () =>
    withFolder(async (folder) => {
      const adapter = `${folder}/adapter`;
      await save(kind, adapter);
      for (const [name, { args, takes = kinds, sentence }] of Object.entries(commands)) {
        const output = `${folder}/${name.replace(" ", "")}`, command = args(adapter, output);
        if (takes.includes(kind)) {
          const { code, stderr } = await lowrank(...command, "--quiet");
          assertEquals([code, stderr], [0, ""], name);
        } else {
          await assertFails(command, sentence!(kind, adapter));
          assertEquals(filesIn(folder).includes(output.slice(folder.length + 1)), false);
        }
      }
      const cases = { one: { input_ids: [[1, 2, 3]], labels: [[1, 2, 3]] } };
      const given = ["--input", await writeJson(`${folder}/g.json`, { cases }), "--case", "one"];
      const written = ["--adapter", adapter, "--output", `${folder}/out.safetensors`];
      for (
        const command of [
          [...await logitsArgs(folder, [[1, 2, 3]], base), "--adapter", adapter],
          ["gradients", ...onModel, ...given, ...written],
        ]
      ) assertEquals((await lowrank(...command, "--quiet")).stderr, "");
    }));
}
