/** PEFT computes with a converted adapter what it computes with the original. */

import { assertEquals } from "@std/assert";
import { withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { pythonHas, runPython } from "../support/python.ts";
import { lowrankJson, model } from "./lowrank.ts";

const ignore = !await pythonHas("torch", "transformers", "peft");

/** Conversions by the adapter of PEFT that they begin with, each a command's options. */
const conversions: readonly (readonly [string, ...(readonly string[])[]])[] = [
  ["peft_rslora", ["--bake"]],
  ["peft_all_linear", ["--bake"]],
  ["block_qv", ["--to", "loralib"], []],
  ["peft_all_linear", ["--to", "loralib"], []],
  ["peft_suffix", ["--to", "kohya"], []],
  ["peft_lora_bias", ["--plain", "--base", model]],
  ["peft_dora", ["--plain", "--base", model, "--error", "1e-6"]],
];

for (const [name, ...steps] of conversions) {
  const words = steps.map((step) => step.filter((word) => word !== model).join(" ") || "back");
  Deno.test({
    name: `PEFT gives the logits of ${name} after convert ${words.join(", then ")}`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        let adapter = golden(`adapters/${name}`);
        for (const [i, step] of steps.entries()) {
          const output = `${folder}/${i}`;
          await lowrankJson("convert", adapter, ...step, "--output", output);
          adapter = output;
        }
        const logits = golden(`adapters/logits/${name}.safetensors`);
        const held = await tensorsOf(logits), { cases } = await goldenJson("logits.json");
        const computed = Object.entries(cases).filter(([name]) => held.has(`logits.${name}`));
        const input = `${folder}/cases.json`;
        await Deno.writeTextFile(input, JSON.stringify({ cases: Object.fromEntries(computed) }));
        const { code, text } = await runPython("scripts/golden/check_peft.py", [
          ...["--model", model, "--adapter", adapter, "--input", input],
          ...["--output", logits],
        ]);
        assertEquals(code, 0, text);
      }),
  });
}
