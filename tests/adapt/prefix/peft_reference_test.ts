import { assertEquals } from "@std/assert";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import type { PrefixKind } from "../../../src/adapt/mod.ts";
import { main } from "../../../src/cli/program.ts";
import { golden, goldenJson } from "../../support/golden.ts";
import { pythonHas, runPython } from "../../../scripts/support/python.ts";
import { disturb, withFolder } from "../fixtures.ts";
import { methods, openFamily } from "./prefixes.ts";

const ignore = !await pythonHas("torch", "transformers", "peft");

const saved: [model: string, kind: PrefixKind, head?: string][] = [
  ["gpt2_tiny", "prefix-embedding"],
  ["gpt2_tiny", "prefix-tuning"],
  ["families/llama_wide", "prefix-embedding"],
  ["families/llama_wide", "prefix-tuning"],
  ["families/qwen2", "prefix-tuning"],
  ["families/bert_classifier", "prefix-embedding", "classifier"],
  ["families/bert_classifier", "prefix-tuning", "classifier"],
  ["families/roberta_classifier", "prefix-embedding", "classifier"],
  ["families/deberta_v2_classifier", "prefix-embedding", "classifier"],
];

for (const [name, kind, head] of saved) {
  Deno.test({
    name: `PEFT loads ${kind} of ours on ${name} and gives the same logits to 5e-5`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const input = `${folder}/cases.json`, output = `${folder}/logits.safetensors`;
        const run = name.includes("roberta") ? "roberta_prompt" : "bert_prompt";
        const { cases } = await goldenJson(`prefixes/${run}.json`);
        for (const one of Object.values<{ labels?: unknown }>(cases)) delete one.labels;
        await Deno.writeTextFile(input, JSON.stringify({ cases }));
        using device = await openCpuDevice();
        using model = await openFamily(device, name);
        using adapter = methods[kind](model, { length: 3, ...(head && { modulesToSave: [head] }) });
        await disturb(adapter);
        await adapter.save(`${folder}/adapter`);
        const paths = ["--model", golden(name), "--adapter", `${folder}/adapter`, "--input", input];
        const cpu = ["--device", "cpu", "--quiet"];
        assertEquals(await main(["logits", ...paths, "--output", output, ...cpu]), 0);
        const files = [...paths, "--output", output];
        const { code, text } = await runPython("scripts/golden/check_prompt.py", files);
        assertEquals(code, 0, text);
      }),
  });
}
