/** Folders in 4 bits that are broken, or quantized in other ways. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDevice } from "../../src/device/mod.ts";
import { writeSafetensors } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { quantize } from "../../src/quant/mod.ts";
import { rawFile, rawParts } from "../formats/quantized_files.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import {
  quantizationConfig,
  quantizedTensors,
  writeQuantizedFolder,
} from "../support/quantized_folder.ts";

const cpu = () => openDevice({ kind: "cpu", threads: 1 });

const config = (fields: object) => ({
  quantization_config: { ...quantizationConfig({}), ...fields },
});
const only =
  "quantized weights can be loaded in bitsandbytes' 4 bits only: quantization_config needs ";

const refusedConfigs: readonly (readonly [what: string, fields: object, sentence: string])[] = [
  [
    "GPTQ",
    { quantization_config: { quant_method: "gptq", bits: 4 } },
    'needs quant_method "bitsandbytes", found "gptq"',
  ],
  ["AWQ", config({ quant_method: "awq" }), 'quant_method "bitsandbytes", found "awq"'],
  [
    "8 bits",
    config({ load_in_4bit: false, load_in_8bit: true }),
    'load_in_4bit true, found "8 bits"',
  ],
  ["no bits", config({ load_in_4bit: false }), "load_in_4bit true, found false"],
  [
    "an unknown code",
    config({ bnb_4bit_quant_type: "int4" }),
    'bnb_4bit_quant_type nf4 or fp4, found "int4"',
  ],
  ["a text", { quantization_config: "nf4" }, 'an object, found "nf4"'],
];

for (const [what, fields, sentence] of refusedConfigs) {
  Deno.test(`a configuration of ${what} is refused by name`, () =>
    withFolder(async (folder) => {
      await writeQuantizedFolder(folder, golden("gpt2_tiny"), {}, fields);
      using device = await cpu();
      const error = await assertRejects(() => loadModel(device, folder), RangeError, sentence);
      assert(error.message.startsWith(only), error.message);
      assertEquals(device.ledger.read().live, 0);
    }));
}

Deno.test("a configuration and files that disagree are refused, and other 4 bits than those there are", () =>
  withFolder(async (folder) => {
    using device = await cpu();
    const refuses = (sentence: string, options = {}) =>
      assertRejects(() => loadModel(device, folder, options), RangeError, sentence);
    const name = "transformer.h.0.attn.c_attn.weight";
    await writeQuantizedFolder(folder, golden("gpt2_tiny"), { code: "fp4" }, config({}));
    await refuses(`config.json says that weights are in nf4, found ${name} in fp4 in the files`);
    await writeQuantizedFolder(folder, golden("gpt2_tiny"), { code: "fp4" }, {});
    await refuses(
      `${name} must stay in its 4 bits, fp4 in blocks of 64 with scales in 8 bits, but nf4 in blocks of 64 ` +
        "with scales in 8 bits was asked for: leave out the dtype, or use dtype F32",
      { dtype: "nf4" },
    );
    await refuses("but fp4 in blocks of 32 with scales in 8 bits was asked for", {
      dtype: "fp4",
      blockSize: 32,
    });
    await Deno.copyFile(golden("gpt2_tiny/model.safetensors"), `${folder}/model.safetensors`);
    await Deno.writeTextFile(
      `${folder}/config.json`,
      JSON.stringify({
        ...JSON.parse(await Deno.readTextFile(golden("gpt2_tiny/config.json"))),
        ...config({}),
      }),
    );
    await refuses("config.json says that weights are in nf4, found none in 4 bits in the files");
    assertEquals(device.ledger.read().live, 0);
  }));

/** The parts of the golden Llama in 4 bits, as anybody might write them. */
async function brokenFolder(
  folder: string,
  change: (parts: Record<string, { dtype: string; bytes: Uint8Array } | undefined>) => void,
): Promise<void> {
  await writeQuantizedFolder(folder, golden("families/llama"));
  const parts: Parameters<typeof change>[0] = {};
  for (const [name, tensor] of await quantizedTensors(golden("families/llama"))) {
    if ("packed" in tensor) Object.assign(parts, await rawParts(name, tensor));
  }
  change(parts);
  await Deno.writeFile(`${folder}/model.safetensors`, await rawFile(parts).bytes());
}

const broken = "model.layers.1.mlp.up_proj.weight";
const state = `${broken}.quant_state.bitsandbytes__nf4`;

const refusedParts: readonly (readonly [
  what: string,
  change: Parameters<typeof brokenFolder>[1],
  sentence: string,
])[] = [
  [
    "without a state",
    (parts) => parts[state] = undefined,
    "it needs a part .quant_state.bitsandbytes__nf4 or fp4, found none",
  ],
  [
    "with a truncated state",
    (parts) => parts[state]!.bytes = parts[state]!.bytes.subarray(0, 40),
    "its state must be JSON, found bytes that are not (",
  ],
  [
    "without scales",
    (parts) => parts[`${broken}.absmax`] = undefined,
    `it needs "${broken}.absmax", found none`,
  ],
  [
    "with too few bytes",
    (parts) => parts[broken]!.bytes = parts[broken]!.bytes.subarray(1),
    "[24, 16] in 4 bits needs 192 bytes, found 191",
  ],
  [
    "without the weight itself",
    (parts) => parts[broken] = undefined,
    `it needs "${broken}", found none`,
  ],
];

for (const [what, change, sentence] of refusedParts) {
  Deno.test(`a weight ${what} is refused before anything is allocated`, () =>
    withFolder(async (folder) => {
      await brokenFolder(folder, change);
      using device = await cpu();
      await assertRejects(() => loadModel(device, folder), SyntaxError, sentence);
      assertEquals(device.ledger.read().live, 0);
    }));
}

Deno.test("a weight of another shape, and one that the model does not have, are refused", () =>
  withFolder(async (folder) => {
    const from = golden("families/llama");
    const write = async (name: string, shape: number[]) => {
      await writeQuantizedFolder(folder, from);
      const tensors = await quantizedTensors(from), data = new Float32Array(shape[0] * shape[1]);
      const weight = quantize({ shape, data: data.fill(1) });
      await writeSafetensors(`${folder}/model.safetensors`, tensors.set(name, weight));
    };
    using device = await cpu();
    await write(broken, [16, 24]);
    await assertRejects(
      () => loadModel(device, folder),
      Error,
      `${broken} must have shape [24, 16] as (out, in) to fit config.json, found [16, 24]`,
    );
    await write("model.layers.2.mlp.up_proj.weight", [24, 16]);
    await assertRejects(
      () => loadModel(device, folder),
      RangeError,
      "a llama file must hold only the tensors of its model, found model.layers.2.mlp.up_proj.weight",
    );
    assertEquals(device.ledger.read().live, 0);
  }));
