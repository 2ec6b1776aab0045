/** Our own encoder: its folder, its tokens, and a classifier's adapter on it. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora, loadAdapter } from "../../src/adapt/mod.ts";
import { textDataset, type Texts } from "../../src/data/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initEncoder, loadModel, outputsOf } from "../../src/models/mod.ts";
import { loadTokenizer, saveRobertaTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { train } from "../../src/train/mod.ts";
import { fourierPositions, plainQueries, turnedKeys } from "../../src/models/init.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";

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
    const config = JSON.parse(await Deno.readTextFile(`${out}/adapter_config.json`));
    assertEquals(config.modules_to_save, ["classifier"]); // PEFT wraps the head as a whole.
    adapter.remove();
    using loaded = await loadAdapter(model, out);
    assertEquals(await outputsOf(model, inputs), trained);
    assertEquals(loaded.parameterCount, adapter.parameterCount);
  }));

Deno.test("an encoder's first weights depend on the seed alone", async () => {
  using device = await openDevice({ kind: "cpu" });
  const sizes = { vocab_size: 64, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
  const others = { intermediate_size: 32, max_position_embeddings: 16, type_vocab_size: 1 };
  const kind = { model_type: "roberta", architectures: ["RobertaForMaskedLM"] };
  const valuesOf = async (seed: number, name: string) => {
    using model = initEncoder(device, { ...kind, ...sizes, ...others }, { seed });
    return [...(await device.read(model.parameters.get(`roberta.${name}`)!.tensor))[0].data];
  };
  const value = "encoder.layer.0.attention.self.value.weight";
  assertEquals(await valuesOf(1, value), await valuesOf(1, value));
  assert((await valuesOf(1, value))[0] !== (await valuesOf(2, value))[0]);
  assertEquals(
    (await valuesOf(1, "embeddings.token_type_embeddings.weight")).every((v) => v === 0),
    true,
  );
  assertThrows(
    () => initEncoder(device, { ...sizes, ...others, model_type: "deberta" }, { seed: 1 }),
    RangeError,
    'initEncoder needs model_type bert or roberta, found "deberta"',
  );
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

Deno.test("at first, heads of the first block look one and two places to either side", () => {
  const width = 32, heads = 4, columns = width / heads, positions = 6;
  const rows = fourierPositions([positions, width], heads, 1), keys = turnedKeys(width, heads);
  const queries = plainQueries(width);
  const project = (weight: Float32Array, position: number) =>
    Array.from(
      { length: width },
      (_, out) =>
        Array.from(
          { length: width },
          (_, i) => weight[out * width + i] * rows[position * width + i],
        )
          .reduce((sum, value) => sum + value, 0),
    );
  for (const [head, offset] of [-1, 1, -2, 2].entries()) {
    const own = (vector: number[]) => vector.slice(head * columns, (head + 1) * columns);
    const query = own(project(queries, 3));
    const scores = Array.from(
      { length: positions },
      (_, position) =>
        own(project(keys, position)).reduce((sum, value, i) => sum + value * query[i], 0),
    );
    // 1.5² · 2 for each of the 4 pairs at one place, and nothing at the others.
    const expected = scores.map((_, position) => position === 3 + offset ? 18 : 0);
    assertAllClose(scores, expected, { absolute: 1e-4, what: `head ${head}` });
  }
});
