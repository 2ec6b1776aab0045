/** The folders that `lowrank quantize` writes, read by transformers with bitsandbytes. */

import { assert, assertEquals } from "@std/assert";
import {
  openSafetensors,
  quantizedNames,
  readQuantized,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { dequantize } from "../../src/quant/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { lowrankJson } from "./lowrank.ts";

/** Models of every family, with options of the command. */
const cases: readonly (readonly [base: string, ...options: string[]])[] = [
  ["gpt2_tiny"],
  ["gpt2_tiny_bf16", "--code", "fp4", "--no-double-quantization"],
  ["families/llama", "--block-size", "128"],
  ["families/llama3_tied"],
  ["families/qwen2"],
  ["families/bert_masked"],
  ["families/bert_classifier"],
  ["families/roberta_masked"],
  ["families/deberta_v2_masked"],
];

for (const [base, ...options] of cases) {
  Deno.test({
    name: `transformers loads ${
      [base, ...options].join(" ")
    } in 4 bits with our values, to the bit`,
    ignore: !await pythonHas("torch", "transformers", "bitsandbytes", "accelerate"),
    fn: () =>
      withFolder(async (folder) => {
        await lowrankJson("quantize", golden(base), folder, ...options);
        using file = await openSafetensors(folder);
        const names = quantizedNames(file.tensors), values = `${folder}/values.st`;
        const weights = names.map(async (name) =>
          [name, dequantize(await readQuantized(file, name))] as const
        );
        const dtype = file.tensors.get(names[0].replace(/\.weight$/, ".bias"))?.dtype;
        await writeSafetensors(values, await Promise.all(weights), {
          dtype: dtype === "BF16" ? dtype : "F32",
        });
        const script = "scripts/golden/check_quantized_folder.py";
        const { code, text } = await runPython(script, [folder, values]);
        assertEquals(code, 0, text);
        const found = JSON.parse(text.split("\n").find((line) => line.startsWith("{"))!);
        assertEquals(found.different, [], text);
        const layers = names.map((name) => name.replace(/\.weight$/, ""));
        assertEquals(found.quantized.toSorted(), layers.toSorted());
        assert(found.floats.every((name: string) => !/\.\d+\./.test(name)), `${found.floats}`);
      }),
  });
}
