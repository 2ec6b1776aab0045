import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  injectLoraPrefix,
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  loadAdapter,
  loadAnyAdapter,
  merge,
} from "../../../src/adapt/mod.ts";
import { AdapterFileError } from "../../../src/core/errors.ts";
import { hostTensor } from "../../../src/core/tensor.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../../src/formats/mod.ts";
import { outputsOf, Perceptron, type TextModel } from "../../../src/models/mod.ts";
import { golden } from "../../support/golden.ts";
import { withFolder } from "../fixtures.ts";
import { kinds, methods, openFamily } from "./prefixes.ts";

Deno.test("virtual tokens are refused where they do not fit, and nothing stays allocated", async () => {
  using device = new ReferenceDevice();
  using gpt2 = await openFamily(device, "gpt2_tiny");
  using deberta = await openFamily(device, "families/deberta_v2_masked");
  using perceptron = Perceptron.init(device, { widths: [2, 2], biases: false }, 1);
  const live = device.ledger.read().live;
  const wrong: [() => unknown, string][] = [
    [
      () => injectPrefixTuning(deberta, { length: 2 }),
      "found DeBERTa-v2 of 2 blocks, width 16, 4 heads, whose attention depends on distances too: " +
      "use prefix-embedding or prefix-layer",
    ],
    [
      () => injectPrefixEmbedding(perceptron, { length: 2 }),
      "prefix-embedding needs a text model, found Perceptron",
    ],
    ...[0, 1.5, 32, NaN].map((length): [() => unknown, string] => [
      () => injectPrefixLayer(gpt2, { length }),
      `prefix-layer needs a length of 1 to 31 virtual tokens, as a sequence of the model has at most 32 in all, found ${length}`,
    ]),
    [
      () => injectPrefixLayer(gpt2, { length: 2, modulesToSave: ["head"] }),
      "modulesToSave must name modules of the model",
    ],
  ];
  for (const [inject, message] of wrong) assertThrows(inject, RangeError, message);
  const misspelled = { lenght: 2 } as unknown as { length: number };
  assertThrows(() => injectPrefixEmbedding(gpt2, misspelled), TypeError, "did you mean length?");
  assertEquals([device.ledger.read().live, gpt2.virtualTokens], [live, undefined]);
});

Deno.test("a model takes one prefix, and not without being asked where it has an adapter", async () => {
  using device = new ReferenceDevice();
  using model = await openFamily(device, "gpt2_tiny");
  using first = injectPrefixTuning(model, { length: 2 });
  assertThrows(() => injectPrefixLayer(model, { length: 2 }), RangeError, "without an adapter");
  assertThrows(
    () => injectPrefixLayer(model, { length: 2, onTop: true }),
    RangeError,
    "prefix-layer needs a model without a prefix, found 2 virtual tokens on it: call the other adapter's remove()",
  );
  assertThrows(
    () => merge(model, first),
    RangeError,
    "found 2 virtual tokens, which stand before every sequence",
  );
  first.remove();
  using second = injectPrefixLayer(model, { length: 3 });
  first.remove();
  assertEquals([second.length, model.virtualTokens?.count], [3, 3]);
});

Deno.test("a sequence must leave room for virtual tokens, and has only its own rows", async () => {
  using device = new ReferenceDevice();
  using model = await openFamily(device, "gpt2_tiny");
  using _ = injectPrefixEmbedding(model, { length: 30 });
  const three = { tokens: hostTensor([1, 3], new Uint32Array(3)) };
  await assertRejects(
    () => outputsOf(model, three),
    RangeError,
    "a sequence holds at most 2 tokens beside 30 virtual tokens, found 3",
  );
  const two = { tokens: hostTensor([1, 2], new Uint32Array(2)) };
  assertEquals((await outputsOf(model, two)).shape, [2, model.vocabulary]);
  await assertRejects(
    () => outputsOf(model, two, { rows: [2] }),
    RangeError,
    "rows must be integers below the number of tokens, 2, found 2",
  );
  const mask = { ...two, attentionMask: hostTensor([1, 3], new Uint32Array(3)) };
  await assertRejects(() => outputsOf(model, mask), RangeError, "the attention mask must have");
  const none = {} as Parameters<TextModel["forward"]>[1];
  await assertRejects(() => outputsOf(model, none), TypeError, "a model needs inputs as");
});

/** Changes the configuration or the tensors of a saved adapter. */
async function spoil(
  folder: string,
  fields: Record<string, unknown>,
  rename: (name: string) => string = (name) => name,
): Promise<void> {
  const file = `${folder}/adapter_config.json`;
  const config = JSON.parse(await Deno.readTextFile(file));
  await Deno.writeTextFile(file, JSON.stringify({ ...config, ...fields }));
  const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  const renamed = new Map([...tensors].map(([name, values]) => [rename(name), values]));
  await writeSafetensors(`${folder}/adapter_model.safetensors`, renamed);
}

Deno.test("a folder of virtual tokens that is broken or foreign is refused by what is wrong with it", async () => {
  using device = new ReferenceDevice();
  using model = await openFamily(device, "families/llama");
  const live = device.ledger.read().live;
  const cases: [kind: keyof typeof methods, Record<string, unknown>, string][] = [
    [
      "prefix-embedding",
      { num_virtual_tokens: 3 },
      "prompt_embeddings must be [3, 16], found [2, 16]",
    ],
    ["prefix-embedding", { num_virtual_tokens: 1e9 }, "prefix-embedding needs a length of 1 to 31"],
    [
      "prefix-embedding",
      { num_virtual_tokens: -1 },
      "num_virtual_tokens must be an integer of at least 1",
    ],
    ["prefix-embedding", { token_dim: 8 }, "token_dim must be the model's 16, found 8"],
    ["prefix-tuning", { token_dim: 16 }, "token_dim must be the model's 8, found 16"],
    ["prefix-tuning", { num_layers: 3 }, "num_layers must be the model's 2, found 3"],
    [
      "prefix-tuning",
      { num_attention_heads: 4 },
      "num_attention_heads must be the model's 2, found 4",
    ],
    [
      "prefix-tuning",
      { num_layers: null },
      "num_layers must be an integer of at least 1, found null",
    ],
    ["prefix-tuning", { num_transformer_submodules: 2 }, "num_transformer_submodules must be 1"],
    [
      "prefix-tuning",
      { lora_alpha: 8 },
      "lora_alpha must be absent where peft_type is PREFIX_TUNING, found 8",
    ],
    [
      "prefix-embedding",
      { prefix_projection: true },
      "prefix_projection must be absent where peft_type is PROMPT_TUNING",
    ],
    [
      "prefix-embedding",
      { peft_type: "PREFIX_TUNING", prompt_tuning_init: null },
      "token_dim must be the model's 8, found 16",
    ],
    ["prefix-layer", { length: "2" }, 'length must be a number of virtual tokens, found "2"'],
    ["prefix-layer", { length: 5 }, "prompt_embeddings must be [5, 32], found [2, 32]"],
    ["prefix-layer", { modules_to_save: [7] }, "modules_to_save must be a list of names"],
  ];
  for (const [kind, fields, message] of cases) {
    await withFolder(async (folder) => {
      {
        using adapter = methods[kind](model, { length: 2 });
        await adapter.save(folder);
      }
      await spoil(folder, fields);
      await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError, message);
      await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError, folder);
      assertEquals(device.ledger.read().live, live);
    });
  }
  await withFolder(async (folder) => {
    {
      using adapter = injectPrefixTuning(model, { length: 2 });
      await adapter.save(folder);
    }
    await spoil(folder, {}, () => "base_model.other");
    await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError, "prompt_embeddings");
    const lora = () => loadAdapter(model, folder);
    await assertRejects(lora, AdapterFileError, 'peft_type must be "LORA", found "PREFIX_TUNING"');
  });
});

Deno.test("an adapter of PEFT's for another model is refused", async () => {
  using device = new ReferenceDevice();
  using model = await openFamily(device, "families/llama");
  for (const [name, message] of [["gpt2_prompt", "token_dim"], ["wide_prefix", "token_dim"]]) {
    const load = () => loadAnyAdapter(model, golden(`prefixes/${name}`));
    await assertRejects(load, AdapterFileError, message);
  }
  assertEquals(kinds.length, 3);
});

/** LoRA joined with virtual tokens. */
const joined = { prefix: "prefix-layer", length: 2, rank: 1, sites: ["q"] } as const;

Deno.test("a prefix of another kind is refused, and nothing stays allocated", async () => {
  using device = new ReferenceDevice();
  using model = await openFamily(device, "gpt2_tiny");
  const { live } = device.ledger.read();
  const wrong: [object, string][] = [
    [{ prefix: "prefix-tuning" }, "prefix must be one of prefix-embedding, prefix-layer, found"],
    [{ length: 32 }, "prefix-layer needs a length of 1 to 31 virtual tokens"],
  ];
  for (const [change, message] of wrong) {
    assertThrows(() => injectLoraPrefix(model, { ...joined, ...change }), RangeError, message);
  }
  assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
});

Deno.test("a folder whose parts are broken or others is refused by its name", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await openFamily(device, "gpt2_tiny");
    {
      using adapter = injectLoraPrefix(model, joined);
      await adapter.save(folder);
    }
    const configs = ["adapter_config.json", "lora_config.json", "prefix_config.json"];
    const right = await Promise.all(
      configs.map((name) => Deno.readTextFile(`${folder}/${name}`)),
    );
    const [own, lora, virtual] = right;
    const broken: [files: readonly string[], reason: string][] = [
      [[own, lora, own], 'a part must be LoRA or virtual tokens, found "lora+prefix-layer"'],
      [[own, lora, lora], "base_model.model."],
      [[own.replace("layer", "embedding"), lora, virtual], "the folder must have the parts of"],
      [[own, lora, virtual.replace("2", "3")], "prompt_embeddings must be [3, "],
      [[own, lora.replace('"r": 1', '"r": 2'), virtual], "must"],
    ];
    const { live } = device.ledger.read();
    for (const [files, reason] of broken) {
      await Promise.all(
        files.map((text, i) => Deno.writeTextFile(`${folder}/${configs[i]}`, text)),
      );
      const { message } = await assertRejects(
        () => loadAnyAdapter(model, folder),
        AdapterFileError,
        `cannot use the adapter in ${folder}: `,
      );
      assertEquals(message.split("the adapter in ").length, 2, message);
      assertEquals(message.includes(reason), true, message);
      assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
    }
  }));
