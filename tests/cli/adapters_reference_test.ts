/** PEFT computes with what `convert` and `combine` write what it computes with the originals. */

import { assertEquals } from "@std/assert";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { lowrankJson, model } from "./lowrank.ts";

const ignore = !await pythonHas("torch", "transformers", "peft");

/** PEFT gives the golden logits of some adapters with the one in a folder. */
async function assertLogits(names: string, adapter: string): Promise<void> {
  const logits = golden(`adapters/logits/${names}.safetensors`);
  const held = await tensorsOf(logits), { cases } = await goldenJson("logits.json");
  const computed = Object.entries(cases).filter(([name]) => held.has(`logits.${name}`));
  const input = `${adapter}/cases.json`;
  await Deno.writeTextFile(input, JSON.stringify({ cases: Object.fromEntries(computed) }));
  const { code, text } = await runPython("scripts/golden/check_peft.py", [
    ...["--model", model, "--adapter", adapter, "--input", input, "--output", logits],
  ]);
  assertEquals(code, 0, text);
}

/** Conversions by the adapter of PEFT that they begin with, each a command's options. */
const conversions: readonly (readonly [string, ...(readonly string[])[]])[] = [
  ["block_qv", ["--to", "loralib"], []],
  ["peft_all_linear", ["--to", "loralib"], []],
  ["peft_suffix", ["--to", "kohya"], []],
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
        await assertLogits(name, adapter);
      }),
  });
}

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
        await lowrankJson("combine", ...adapters, "--base", model, "--output", folder);
        await assertLogits(name, folder);
      }),
  });
}
