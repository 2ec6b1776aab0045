/** PEFT computes with a combined adapter what it computes with the originals at once. */

import { assertEquals } from "@std/assert";
import { withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { pythonHas, runPython } from "../support/python.ts";
import { lowrankJson, model } from "./lowrank.ts";

const ignore = !await pythonHas("torch", "transformers", "peft");

/** Adapters that are summed, or one alone; the golden logits are those of all of them. */
const sums = [
  ...["peft_c_attn+peft_suffix", "peft_rslora", "peft_dora", "peft_lora_bias", "peft_tokens"],
];

for (const name of sums) {
  Deno.test({
    name: `PEFT gives the logits of ${name} with what combine writes of it`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const adapters = name.split("+").map((each) => golden(`adapters/${each}`));
        const output = `${folder}/out`, input = `${folder}/cases.json`;
        await lowrankJson("combine", ...adapters, "--base", model, "--output", output);
        const logits = golden(`adapters/logits/${name}.safetensors`);
        const held = await tensorsOf(logits), { cases } = await goldenJson("logits.json");
        const computed = Object.entries(cases).filter(([name]) => held.has(`logits.${name}`));
        await Deno.writeTextFile(input, JSON.stringify({ cases: Object.fromEntries(computed) }));
        const { code, text } = await runPython("scripts/golden/check_peft.py", [
          ...["--model", model, "--adapter", output, "--input", input, "--output", logits],
        ]);
        assertEquals(code, 0, text);
      }),
  });
}
