import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { architectureOf } from "../../src/architectures/mod.ts";
import { parseGptNeoxConfig } from "../../src/architectures/families/gpt_neox.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import {
  allocateModel,
  initGpt2,
  loadModel,
  parseGpt2Config,
  readConfig,
  saveModel,
} from "../../src/models/mod.ts";
import { bucketRows } from "../../src/models/families/mpnet.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { spoilLastValue } from "../formats/adapter_folders.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson } from "../support/golden.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const config = parseGpt2Config({ vocab_size: 7, n_positions: 5, n_embd: 6, n_layer: 1, n_head: 2 });

Deno.test("a saved model loads with the same weights, transformers' file byte for byte", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  await withFolder(async (folder) => {
    await saveModel(model, folder);
    const [ours, theirs] = await Promise.all(
      [folder, golden("gpt2_tiny")].map((path) => readSafetensors(`${path}/model.safetensors`)),
    );
    assertEquals(ours.tensors, theirs.tensors);
  });
});

Deno.test("a model with a value that is not finite is refused, unless it is let pass", async () => {
  using device = new ReferenceDevice();
  await withFolder(async (folder) => {
    using model = initGpt2(device, config, { seed: 1 });
    await saveModel(model, folder);
    const { live } = device.ledger.read();
    await spoilLastValue(`${folder}/model.safetensors`);
    const sentence = "values must be finite in F32, found NaN at [6, 5]";
    await assertRejects(() => loadModel(device, folder), RangeError, sentence);
    assertEquals(device.ledger.read().live, live);
    using loaded = await loadModel(device, folder, { allowNonFinite: true });
    const { tensor } = loaded.parameters.get("transformer.wte.weight")!;
    assertEquals((await device.read(tensor))[0].data.at(-1), NaN);
  });
});

Deno.test("ids of special tokens go from file to file, and are null where they are not known", async () => {
  using device = new ReferenceDevice();
  const saved = async (fields: Record<string, unknown>) => {
    using model = initGpt2(device, parseGpt2Config({ ...config, ...fields }), { seed: 1 });
    let ids: unknown[] = [];
    await withFolder(async (folder) => {
      await saveModel(model, folder);
      using loaded = await loadModel(device, folder);
      await saveModel(loaded, folder);
      const json = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
      ids = [json.bos_token_id, json.eos_token_id];
    });
    return ids;
  };
  assertEquals(await saved({}), [null, null]);
  assertEquals(await saved({ bos_token_id: 3, eos_token_id: [4, 5] }), [3, [4, 5]]);
  assertEquals(await saved({ bos_token_id: "x", eos_token_id: 6 }), [null, 6]);
});

Deno.test("our base names its end of text", async () => {
  const { bos_token_id, eos_token_id } = await readConfig(`${rootPath}/models/tiny-gpt2`);
  const tokenizer = await loadTokenizer(`${rootPath}/models/tiny-gpt2`);
  assertEquals([bos_token_id, eos_token_id], [tokenizer.endOfText, tokenizer.endOfText]);
});

Deno.test("an untied head is saved, loaded and used", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, { ...config, tie_word_embeddings: false }, { seed: 1 });
  await withFolder(async (folder) => {
    await saveModel(model, folder);
    using loaded = await loadModel(device, folder);
    const tokens = hostTensor([1, 3], Uint32Array.of(1, 2, 3));
    using tape = new Tape(device, { record: false });
    const [ours] = await device.read(loaded.forward(tape, { tokens }));
    const [before] = await device.read(model.forward(tape, { tokens }));
    assertEquals(ours.data.length, before.data.length);
    assertEquals(loaded.parameters.has("lm_head.weight"), true);
  });
});

Deno.test("a model's file is refused when a tensor is missing, strange or of another shape", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  await withFolder(async (folder) => {
    await saveModel(model, folder);
    const path = `${folder}/model.safetensors`;
    const { tensors } = await readSafetensors(path);
    const write = (change: (copy: typeof tensors) => void) => {
      const copy = new Map(tensors);
      change(copy);
      return writeSafetensors(path, copy);
    };
    const refused = async (type: ErrorConstructor | typeof ShapeError, ...parts: string[]) => {
      const error = await assertRejects(() => loadModel(device, folder), type);
      for (const part of parts) assertStringIncludes((error as Error).message, part);
      assertEquals(device.ledger.read().live, model.device.ledger.read().live);
    };
    await write((copy) => copy.delete("transformer.ln_f.bias"));
    await refused(RangeError, "needs the tensor transformer.ln_f.bias");
    await write((copy) => copy.set("adapter.x", hostTensor([1], [1])));
    await refused(RangeError, "adapter.x");
    await write((copy) =>
      copy.set("transformer.wte.weight", hostTensor([3, 6], new Float32Array(18)))
    );
    await refused(ShapeError, "[7, 6]", "[3, 6]");
  });
});

const encoder = {
  ...{ vocab_size: 7, hidden_size: 6, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 8, max_position_embeddings: 9 },
};

const even = { ...encoder, model_type: "llama", num_attention_heads: 3 };

const neox = { ...encoder, model_type: "gpt_neox", hidden_size: 24 };

const turnsEven = "rotary_pct to turn an even number of a head's 12 columns";
const neoxRefusals = [
  [{ ...neox, num_attention_heads: 5 }, "num_attention_heads to divide the width, 24, found 5"],
  [{ ...neox, hidden_act: "silu" }, 'found "silu"'],
  [neox, `${turnsEven}, found 0.25`],
  [{ ...neox, rotary_pct: 0.1 }, `${turnsEven}, found 0.1`],
  [{ ...neox, rotary_pct: 1.2 }, `${turnsEven}, found 1.2`],
  [{ ...neox, rope_parameters: { partial_rotary_factor: "1" } }, `${turnsEven}, found "1"`],
  [{ ...neox, rotary_pct: 1, rotary_emb_base: 0 }, "rope_theta to be a positive number, found 0"],
  [{ ...neox, rotary_pct: 1, rope_scaling: { type: "dynamic" } }, 'found "dynamic"'],
  [{ ...neox, rotary_pct: 1, hidden_dropout: 1 }, "hidden_dropout to be in [0, 1), found 1"],
] as const;

Deno.test("a config that we cannot run is refused by field and value", async () => {
  using device = new ReferenceDevice();
  await withFolder(async (folder) => {
    for (
      const [fields, part] of [
        [{ model_type: "t5" }, 'found "t5"'],
        [
          { ...encoder, model_type: "bert", is_decoder: true },
          "is_decoder to be false, found true",
        ],
        [{ ...encoder, model_type: "bert", hidden_act: "relu" }, 'found "relu"'],
        [{ ...encoder, model_type: "roberta", num_attention_heads: 4 }, "divide hidden_size, 6"],
        [{ ...encoder, model_type: "llama", num_key_value_heads: 3 }, "found 3"],
        [{ ...even, rope_scaling: { type: "yarn" } }, 'found "yarn"'],
        [{ ...even, rope_parameters: { rope_theta: -1 } }, "found -1"],
        [
          { ...encoder, model_type: "llama" },
          "head_dim to be even, for pairs to turn, and at most 2048, found 3",
        ],
        [{ ...even, model_type: "qwen2", use_sliding_window: true }, "found true"],
        [{ ...even, model_type: "qwen3", use_sliding_window: true }, "found true"],
        [{ ...even, model_type: "qwen3", head_dim: 5 }, "head_dim to be even"],
        ...neoxRefusals,
        [{ ...encoder, model_type: "mpnet", pad_token_id: 0 }, "pad_token_id to be 1, found 0"],
        [
          { ...encoder, model_type: "mpnet", relative_attention_num_buckets: 16 },
          "relative_attention_num_buckets to be 32, found 16",
        ],
        [{ model_type: "gpt2", activation_function: "relu" }, 'found "relu"'],
        [{ model_type: "gpt2", n_embd: 6, n_head: 4 }, "n_head to divide n_embd, 6, found 4"],
        [{ model_type: "gpt2", n_layer: -1 }, "n_layer"],
      ] as const
    ) {
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(fields));
      await Deno.copyFile(golden("gpt2_tiny/model.safetensors"), `${folder}/model.safetensors`);
      const error = await assertRejects(() => loadModel(device, folder), RangeError);
      assertStringIncludes((error as Error).message, part);
    }
  });
});

Deno.test("an MPNet has transformers' buckets of distances, and positions behind those of padding", async () => {
  assertEquals(bucketRows(401), await goldenJson("mpnet_buckets.json"));
  using device = new DryDevice();
  using model = allocateModel(device, { ...encoder, model_type: "mpnet" });
  assertEquals(model.positions, 7);
  assertEquals(model.padding, 1);
});

Deno.test("a GPT-NeoX has transformers' defaults, and fields as versions 4 and 5 write them", () => {
  const absent = { max_position_embeddings: undefined, sliding_window: 4 };
  const json = { ...neox, num_attention_heads: 3, ...absent };
  assertEquals(architectureOf(json).positions, 2048);
  const config = parseGptNeoxConfig(json);
  assertEquals([...config.frequencies], [1], "two columns of eight");
  assertEquals([config.positions, config.epsilon], [2048, 1e-5]);
  assertEquals([config.activation, config.isParallel, config.isTied], ["gelu", true, false]);
  const old = parseGptNeoxConfig({ ...json, rotary_pct: 0.5, rotary_emb_base: 100 });
  const rope_parameters = { rope_theta: 100, partial_rotary_factor: 0.5, rope_type: "default" };
  assertEquals([...old.frequencies], [1, 0.1]);
  assertEquals(parseGptNeoxConfig({ ...json, rotary_pct: 1, rope_parameters }), old);
});

Deno.test("a Qwen3 has transformers' defaults, and no window that is off", () => {
  using device = new DryDevice();
  const absent = { head_dim: undefined, max_position_embeddings: undefined };
  for (const sliding_window of [undefined, null, 4]) {
    const json = { ...even, ...absent, model_type: "qwen3", sliding_window };
    using model = allocateModel(device, json);
    assertEquals(model.positions, 32768);
    assertEquals(model.blockShape.keys, { heads: 3, width: 3 * 128 });
    assertEquals(model.description, "Qwen3 of 1 block, width 6, 3 heads");
  }
});
