/** Weights in 4 bits that we write, read by bitsandbytes. */

import { assertEquals } from "@std/assert";
import { writeSafetensors } from "../../src/formats/mod.ts";
import { Random } from "../../src/core/random.ts";
import { dequantize, quantize, type QuantizeOptions } from "../../src/quant/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

const options: readonly QuantizeOptions[] = [
  {},
  { doubleQuantization: false },
  { code: "fp4" },
  { code: "fp4", blockSize: 256, doubleQuantization: false },
  { blockSize: 32 },
  { blockSize: 4096 },
];
const shapes = [[13, 101], [64, 64], [67, 131], [1, 7]];

Deno.test({
  name: "bitsandbytes loads our files and dequantizes them to our values, to the bit",
  ignore: !await pythonHas("torch", "bitsandbytes", "safetensors"),
  fn: () =>
    withFolder(async (folder) => {
      const random = new Random(11);
      const weights = options.flatMap((option, i) =>
        shapes.map((shape, j) => {
          const size = shape.reduce((product, extent) => product * extent, 1);
          const data = Float32Array.from({ length: size }, () => random.normal() / 50);
          return [`layer_${i}_${j}.weight`, quantize({ shape, data }, option)] as const;
        })
      );
      const file = `${folder}/model.safetensors`, values = `${folder}/values.safetensors`;
      await writeSafetensors(file, weights);
      await writeSafetensors(values, weights.map(([name, weight]) => [name, dequantize(weight)]));
      const { code, text } = await runPython("scripts/golden/check_quantized.py", [file, values]);
      assertEquals(code, 0, text);
      assertEquals(text.match(/are the same/g)?.length, weights.length, text);
    }),
});
