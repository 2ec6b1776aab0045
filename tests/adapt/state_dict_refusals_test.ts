/** PEFT's regression cases (`state_dict_devices_test.ts`) that do not run here, and what is said of them. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { loadAdapter } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";
import { goodTensors, matrix, writeRawAdapter } from "../formats/adapter_folders.ts";
import { golden, goldenJson } from "../support/golden.ts";
import { withFolder } from "./fixtures.ts";

/** Loads an adapter that somebody else's program would refuse or put elsewhere. */
async function refusalOf(config: unknown, tensors = goodTensors): Promise<string> {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("families/llama3_tied"));
  let message = "";
  await withFolder(async (folder) => {
    await writeRawAdapter(folder, config, tensors);
    ({ message } = await assertRejects(() => loadAdapter(model, folder), AdapterFileError));
  });
  return message;
}

/** What is said of the cases that are LoRA, on models that do not run here or with more than LoRA. */
const withLora: Readonly<Record<string, string>> = {
  lora_alora:
    "alora_invocation_tokens must be null, false or empty (not implemented: activated LoRA), found [1]",
  lora_gptoss:
    "target_parameters must be null, false or empty (not implemented: adapters of raw parameters), found",
};

for (const [name, config] of Object.entries(await goldenJson("state_dicts/others.json"))) {
  Deno.test(`test_load_and_forward[${name}] is refused by name`, async () => {
    const { peft_type } = config as { peft_type: string };
    assertEquals(peft_type === "LORA", name in withLora);
    const words = withLora[name] ?? `peft_type must be "LORA", found "${peft_type}"`;
    assertStringIncludes(await refusalOf(config), words);
  });
}

/** Module paths of cases whose models are not here: attention as one module, and a multimodal Gemma. */
const elsewhere = {
  lora_mha: "mha.out_proj",
  lora_mha_lora_bias: "mha.out_proj",
  lora_gemma4: "model.language_model.layers.0.self_attn.q_proj",
};

for (const [name, module] of Object.entries(elsewhere)) {
  Deno.test(`test_load_and_forward[${name}] belongs to no model that runs here, and says so`, async () => {
    const key = `base_model.model.${module}.lora_`, lora_bias = name.endsWith("lora_bias");
    const bias = { [`${key}B.bias`]: { shape: [8], data: new Float32Array(8) } };
    const tensors = { [`${key}A.weight`]: matrix(4, 8), [`${key}B.weight`]: matrix(8, 4) };
    const config = { peft_type: "LORA", r: 4, lora_bias, target_modules: [module] };
    const words = "every module must belong to one layer of the model (";
    const message = await refusalOf(config, { ...tensors, ...lora_bias && bias });
    assertStringIncludes(message, words);
    assertStringIncludes(message, `found ${module}`);
  });
}

Deno.test("ties that an adapter would make or break are refused by name", async () => {
  const config = { peft_type: "LORA", r: 2, lora_alpha: 2, target_modules: ["embed_tokens"] };
  const key = "base_model.model.model.embed_tokens";
  const tensors = {
    [`${key}.lora_embedding_A`]: matrix(2, 37),
    [`${key}.lora_embedding_B`]: matrix(16, 2),
  };
  assertStringIncludes(
    await refusalOf({ ...config, ensure_weight_tying: true }, tensors),
    "ensure_weight_tying must be false where an embedding or a head is adapted or trained in full (not " +
      'implemented: one update for both), found true with "model.embed_tokens.weight"',
  );
  assertStringIncludes(
    await refusalOf({ ...config, use_dora: true }, tensors),
    'DoRA of embeddings is not implemented, found "model.embed_tokens"',
  );
  const q = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
  const linear = { [`${q}A.weight`]: matrix(2, 16), [`${q}B.weight`]: matrix(16, 2) };
  const path = "model.layers.0.self_attn.q_proj";
  const saved = { ...config, target_modules: [path], modules_to_save: ["embed_tokens"] };
  assertStringIncludes(
    await refusalOf(saved, { ...linear, [`${key}.weight`]: matrix(37, 16) }),
    "modules_to_save must not name an embedding whose weight the head shares (PEFT trains a copy that the " +
      "head does not have), found model.embed_tokens",
  );
});
