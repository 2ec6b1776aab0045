import { assert, assertEquals } from "@std/assert";
import { mergeFolder } from "../../src/adapt/merge/folder.ts";
import { type AdapterChange, savedAdapter } from "./saved_adapter.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";
import { applyMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { disturb } from "./fixtures.ts";
import { main } from "../../src/cli/program.ts";
import { lowrankJson } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { families, golden, goldenJson } from "../support/golden.ts";
import { debertas, saveRandomDeberta } from "../support/random_deberta.ts";
import "../support/open_lapack.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

const ignore = !await pythonHas("torch", "transformers", "peft");

const adapters: Record<string, AdapterChange> = {
  "sites q and v of one weight": { rank: 3, alpha: 6, sites: ["q", "v"] },
  "every site, rank-stabilized": { rank: 4, alpha: 8, sites: "all", rankStabilized: true },
  "whole weights with patterns": {
    rank: 4,
    targetModules: "all-linear",
    rankPattern: { c_fc: 2 },
    alphaPattern: { "attn.c_proj": 12 },
  },
  "DoRA on every linear layer": {
    ...{ rank: 4, alpha: 8, dora: true, targetModules: "all-linear" },
    rankPattern: { c_fc: 2 },
  },
  "a bias of every B": { rank: 4, alpha: 8, loraBias: true, targetModules: ["c_attn", "c_fc"] },
  "all biases of the base": { rank: 2, sites: ["q", "v"], bias: "all" },
  "B alone": { rank: 3, alpha: 6, sites: ["q", "o"], freezeA: true, init: "orthonormal" },
  "PiSSA, converted": { rank: 3, alpha: 6, targetModules: "all-linear", start: "pissa" },
  "OLoRA, converted": { rank: 3, alpha: 6, targetModules: "all-linear", start: "olora" },
  "embeddings and a tied head": { rank: 3, alpha: 6, targetModules: ["wte", "wpe", "lm_head"] },
  "trained tokens beside q and v": { rank: 2, sites: ["q", "v"], trainableTokens: [3, 4, 9, 60] },
  "a head of its own beside a tied embedding": { rank: 2, modulesToSave: ["lm_head"] },
  "the biases of adapted layers": { rank: 2, targetModules: ["attn.c_proj"], bias: "lora_only" },
};

for (const [name, change] of Object.entries(adapters)) {
  Deno.test({
    name: `PEFT loads an adapter of ours and gives the same logits to 5e-5: ${name}`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const [model, input] = [golden("gpt2_tiny"), golden("logits.json")];
        const adapter = `${folder}/adapter`, output = `${folder}/logits.safetensors`;
        await savedAdapter(model, adapter, change);
        const files = ["--model", model, "--adapter", adapter, "--input", input];
        const cpu = ["--device", "cpu", "--quiet"];
        assertEquals(await main(["logits", ...files, "--output", output, ...cpu]), 0);
        const { code, text } = await runPython("scripts/golden/check_peft.py", [
          ...files,
          "--output",
          output,
        ]);
        assertEquals(code, 0, text);
      }),
  });
}

for (const family of families) {
  const changes = [
    ...[{ rank: 3, alpha: 6 }, { rank: 2, targetModules: "all-linear" }],
    { rank: 1, targetModules: ".*(embed_tokens|embed_in|_embeddings)" },
  ] as const;
  for (const change of changes) {
    Deno.test({
      name: `PEFT loads an adapter of ours on ${family}: ${JSON.stringify(change)}`,
      ignore,
      fn: () =>
        withFolder(async (folder) => {
          const model = golden(`families/${family}`), input = `${folder}/cases.json`;
          const adapter = `${folder}/adapter`, output = `${folder}/logits.safetensors`;
          const { cases } = await goldenJson(`families/${family}.json`);
          for (const one of Object.values<{ labels?: unknown }>(cases)) delete one.labels;
          await Deno.writeTextFile(input, JSON.stringify({ cases }));
          await savedAdapter(model, adapter, change);
          const files = ["--model", model, "--adapter", adapter, "--input", input];
          const cpu = ["--device", "cpu", "--quiet"];
          assertEquals(await main(["logits", ...files, "--output", output, ...cpu]), 0);
          const all = [...files, "--output", output];
          const { code, text } = await runPython("scripts/golden/check_peft.py", all);
          assertEquals(code, 0, text);
        }),
    });
  }
}

const methods: readonly MethodSpec[] = [
  { kind: "ia3" },
  { kind: "tinylora", vectorSize: 13, weightTying: 0.5 },
  { kind: "tinylora", core: "entries", rank: 3, targetModules: "all-linear" },
];

for (const method of methods) {
  for (const family of ["gpt2_tiny", "families/llama", "families/bert_masked"]) {
    Deno.test({
      name: `PEFT loads ${JSON.stringify(method)} of ours on ${family}, and merges it as we do`,
      ignore,
      fn: () =>
        withFolder(async (folder) => {
          const model = golden(family), adapter = `${folder}/adapter`, merged = `${folder}/merged`;
          const input = `${folder}/cases.json`, output = `${folder}/logits.safetensors`;
          await Deno.writeTextFile(
            input,
            JSON.stringify({ cases: { one: { input_ids: [[1, 4, 9, 2]] } } }),
          );
          await saveMethod(model, method, adapter);
          await mergeFolder({ model, adapters: [adapter], output: merged });
          for (const files of [["--model", model, "--adapter", adapter], ["--model", merged]]) {
            const all = [...files, "--input", input, "--output", output];
            assertEquals(await main(["logits", ...all, "--device", "cpu", "--quiet"]), 0);
            const { code, text } = await runPython("scripts/golden/check_peft.py", [
              ...["--model", model, "--adapter", adapter, "--input", input, "--output", output],
            ]);
            assertEquals(code, 0, text);
          }
        }),
    });
  }
}

/** Saves an adapter of a method, with other values than at its start. */
async function saveMethod(folder: string, method: MethodSpec, output: string): Promise<void> {
  using device = new ReferenceDevice();
  using model = await loadModel(device, folder);
  using adapter = (await applyMethod(model, method, 1))!;
  await disturb(adapter, 0.3);
  await adapter.save(output);
}

/** Saves a language model in a folder, and returns the folder. */
type MakeBase = (folder: string) => Promise<string>;

const bases: Record<string, MakeBase> = {
  "a GPT-2": () => Promise.resolve("models/tiny-gpt2"),
  ...Object.fromEntries(
    Object.entries(debertas).map(([model_type, fields]): [string, MakeBase] => [
      `a ${model_type}`,
      async (folder) => {
        await saveRandomDeberta(`${folder}/base`, { model_type, ...fields });
        return `${folder}/base`;
      },
    ]),
  ),
};

for (const [name, baseIn] of Object.entries(bases)) {
  Deno.test({
    name: `PEFT puts the head that we train on ${name}, and finds our loss and accuracy`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const names = { sea: ["ship", "sailor", "whale"], war: ["army", "general", "enemy"] };
        const rows = Object.entries(names).flatMap(([label, list]) =>
          list.flatMap((name) =>
            ["came", "is old"].map((what) => ({ text: `The ${name} ${what}`, label }))
          )
        );
        const model = await baseIn(folder),
          adapter = `${folder}/out`,
          data = `${folder}/mine.jsonl`;
        await Deno.writeTextFile(data, rows.map((row) => JSON.stringify(row)).join("\n"));
        const steps = ["--steps", "12", "--validation", "0"];
        await lowrankJson("train", "--model", model, "--data", data, ...steps, "--output", adapter);
        const given = ["--model", model, "--adapter", adapter, "--data", data];
        const { loss, accuracy } = await lowrankJson("evaluate", ...given);
        assert(loss < 0.6 && loss > 0.001, `the loss ${loss} says little`);
        const found = ["--loss", `${loss}`, "--accuracy", `${accuracy}`];
        const { code, text } = await runPython("scripts/golden/check_classifier.py", [
          ...given,
          ...found,
        ]);
        assertEquals(code, 0, text);
      }),
  });
}

for (
  const [family, adapter] of [
    ["llama", "state_dicts/llama/lora_target_embedding"],
    ["llama3_tied", "state_dicts/llama/lora_modules_to_save_tied"],
    ["llama3_tied", "state_dicts/llama/lora_trainable_tokens"],
  ]
) {
  Deno.test({
    name: `a folder merged with ${adapter} has the logits of PEFT's adapter on ${family}`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const base = golden(`families/${family}`), merged = `${folder}/merged`;
        const input = golden("state_dicts/input.json"), output = `${folder}/logits.safetensors`;
        const adapters = [golden(adapter)];
        await mergeFolder({ model: base, adapters, output: merged });
        const files = ["--model", merged, "--input", input, "--output", output];
        assertEquals(await main(["logits", ...files, "--device", "cpu", "--quiet"]), 0);
        const { code, text } = await runPython("scripts/golden/check_peft.py", [
          ...["--model", base, "--adapter", ...adapters],
          ...["--input", input, "--output", output],
        ]);
        assertEquals(code, 0, text);
      }),
  });
}
