/** Our own encoder: its folder, its tokens, and a classifier's adapter on it. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { injectLora, loadAdapter } from "../../src/adapt/mod.ts";
import { textDataset, type Texts } from "../../src/data/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initEncoder, loadModel, outputsOf } from "../../src/models/mod.ts";
import { loadTokenizer, saveRobertaTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { train } from "../../src/train/mod.ts";
import { withFolder } from "../support/folders.ts";

const folder = "models/tiny-roberta";

const entries = {
  animal: ["trout: a fish of cold streams", "wren: a small brown bird", "mule: a beast of burden"],
  plant: ["oak: a tree that bears acorns", "sedge: a grass of wet places", "rue: a bitter herb"],
};

const labels = Object.keys(entries);

const texts: Texts = {
  kind: "labeled",
  labels,
  rows: Object.values(entries).flatMap((own, label) => own.map((text) => ({ text, label }))),
  description: "six entries",
  digest: "",
};

Deno.test("the encoder is small, and its tokens are RoBERTa's at both ends", async () => {
  assert((await Deno.stat(`${folder}/model.safetensors`)).size < 4e6);
  const tokenizer = await loadTokenizer(folder), { specialTokens, vocabularySize } = tokenizer;
  const ends = { "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4095 };
  assertEquals([Object.fromEntries(specialTokens), vocabularySize], [ends, 4096]);
  const ids = [...tokenizer.encodeFramed("oak: a <mask> that bears acorns")];
  assertEquals([ids[0], ids.at(-1), ids.filter((id) => id === 4095).length], [0, 2, 1]);
  const text = "naïve — 123 🙂";
  assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
});

Deno.test("a classifier's adapter on it learns, is saved, and says the same when it is loaded again", () =>
  withFolder(async (out) => {
    using device = await openDevice({ kind: "cpu" });
    const tokenizer = await loadTokenizer(folder);
    using model = await loadModel(device, folder, { labels });
    const data = textDataset(model, tokenizer, texts, { validation: 0, batch: 6 });
    const [{ inputs }] = data.train;
    using adapter = injectLora(model, { rank: 4, modulesToSave: ["classifier"], seed: 1 });
    const options = { learningRate: 1e-2, steps: 25 };
    const { loss } = await train(adapter, data.train, options).finish();
    assert(Math.abs(loss[0] - Math.LN2) < 1e-5); // The new head starts at zero.
    assert(loss.at(-1)! < 0.1, `${loss.at(-1)}`);
    const trained = await outputsOf(model, inputs);
    await adapter.save(out);
    adapter.remove();
    using loaded = await loadAdapter(model, out);
    assertEquals(await outputsOf(model, inputs), trained);
    assertEquals(loaded.parameterCount, adapter.parameterCount);
  }));

Deno.test("an encoder's first weights depend on the seed alone; its positions are sinusoids", async () => {
  using device = await openDevice({ kind: "cpu" });
  const sizes = { vocab_size: 64, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
  const others = { intermediate_size: 32, max_position_embeddings: 16, type_vocab_size: 1 };
  const kind = { model_type: "roberta", architectures: ["RobertaForMaskedLM"] };
  const valuesOf = async (seed: number, name: string) => {
    using model = initEncoder(device, { ...kind, ...sizes, ...others }, { seed });
    return [...(await device.read(model.parameters.get(`roberta.${name}`)!.tensor))[0].data];
  };
  const query = "encoder.layer.0.attention.self.query.weight";
  assertEquals(await valuesOf(1, query), await valuesOf(1, query));
  assert((await valuesOf(1, query))[0] !== (await valuesOf(2, query))[0]);
  const positions = await valuesOf(1, "embeddings.position_embeddings.weight");
  const [sine, cosine] = [8 * 3 + 2, 8 * 3 + 3].map((at) => positions[at] / (0.1 * Math.SQRT2));
  const angle = 3 / 10_000 ** (2 / 8); // Position 3, the second pair of columns.
  assert(Math.abs(sine - Math.sin(angle)) < 1e-6 && Math.abs(cosine - Math.cos(angle)) < 1e-6);
});

Deno.test("a RoBERTa's tokenizer needs a vocabulary with a mask", () =>
  withFolder(async (out) => {
    const plain = trainBytePairs(["the cat the cat"], { vocabularySize: 260 });
    await assertRejects(
      () => saveRobertaTokenizer(out, plain),
      RangeError,
      "a RoBERTa's special token must be <mask>, found <|endoftext|>",
    );
  }));
