import { assertEquals, assertThrows } from "@std/assert";
import { parseDebertaConfig } from "../../src/architectures/families/deberta.ts";
import { architectureOf } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel } from "../../src/models/mod.ts";
import { distanceRows } from "../../src/models/families/deberta.ts";
import { goldenJson } from "../support/golden.ts";

const base = {
  ...{ vocab_size: 9, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 8, max_position_embeddings: 16, relative_attention: true },
  ...{ pos_att_type: "c2p|p2c", architectures: ["DebertaForMaskedLM"], model_type: "deberta" },
};
const second = {
  ...base,
  ...{ model_type: "deberta-v2", architectures: ["DebertaV2ForMaskedLM"], position_buckets: 4 },
};

const refused: [fields: object, rule: string][] = [
  [{ talking_head: true }, "needs talking_head to be false, found true"],
  [{ embedding_size: 4 }, "needs embedding_size to be 8, found 4"],
  [{ pooler_hidden_size: 4 }, "needs pooler_hidden_size to be 8, found 4"],
  [{ hidden_act: "relu" }, "needs hidden_act to be gelu or gelu_new or gelu_pytorch_tanh or tanh"],
  [{ pooler_hidden_act: "relu" }, "needs pooler_hidden_act to be gelu"],
  [{ pos_att_type: ["p2p"] }, "pos_att_type to have c2p and p2c, each at most once"],
  [{ pos_att_type: "c2p|c2p" }, "pos_att_type to have c2p and p2c, each at most once"],
  [{ max_relative_positions: 1.5 }, "needs max_relative_positions to be a whole number, found 1.5"],
  [{ relative_attention: "yes" }, "needs relative_attention to be true or false"],
];
const refusedInSecond: [fields: object, rule: string][] = [
  [{ attention_head_size: 3 }, "needs attention_head_size to be 4, found 3"],
  [{ position_buckets: 1 }, "needs position_buckets to be from 2 to 28 or at most 0, found 1"],
  [{ position_buckets: 29 }, "needs position_buckets to be from 2 to 28 or at most 0, found 29"],
  [{ conv_kernel_size: 2 }, "needs conv_kernel_size to be odd, or 0 for no convolution, found 2"],
  [{ conv_kernel_size: 3, conv_groups: 2 }, "needs conv_groups to be 1, found 2"],
  [{ conv_kernel_size: 3, conv_act: "relu" }, "needs conv_act to be gelu"],
  [{ share_att_key: 1 }, "needs share_att_key to be true or false, found 1"],
];

for (const [config, cases] of [[base, refused], [second, refusedInSecond]] as const) {
  for (const [fields, rule] of cases) {
    Deno.test(`a ${config.model_type} of ${JSON.stringify(fields)} is refused`, () => {
      using device = new DryDevice();
      const allocate = () => allocateModel(device, { ...config, ...fields });
      assertThrows(allocate, RangeError, rule);
      assertEquals(device.ledger.read().live, 0);
    });
  }
}

Deno.test("what only the second version has changes nothing in the first", () => {
  const fields = { position_buckets: 4, share_att_key: true, norm_rel_ebd: "layer_norm" };
  const more = { ...base, ...fields, conv_kernel_size: 3, attention_head_size: 3 };
  assertEquals(parseDebertaConfig(more), parseDebertaConfig(base));
  assertEquals(architectureOf(more), architectureOf(base));
});

Deno.test("the terms are read as published configurations write them", () => {
  const termsOf = (pos_att_type: unknown) => parseDebertaConfig({ ...base, pos_att_type });
  assertEquals(termsOf("P2C | c2p").relative!.terms, ["p2c", "c2p"]);
  assertEquals(termsOf(["c2p"]).scoreTerms, 2);
  assertEquals(termsOf(null).scoreTerms, 1);
  // Without distances, the scale of scores is still that of the terms, as in transformers.
  const { relative, scoreTerms } = parseDebertaConfig({ ...base, relative_attention: false });
  assertEquals([relative, scoreTerms], [undefined, 3]);
});

Deno.test("distances are in transformers' buckets, in both directions", async () => {
  for (const { buckets, longest, found } of await goldenJson("distance_buckets.json")) {
    const time = found.length, most = 2 * buckets - 1;
    const rowOf = (bucket: number) => Math.min(Math.max(bucket + buckets, 0), most);
    const backward = found.slice(1).map((bucket: number) => rowOf(-bucket)).reverse();
    assertEquals(
      distanceRows({ buckets, longest }, time),
      [...backward, ...found.map(rowOf)],
      `${buckets} of ${longest}`,
    );
  }
});

Deno.test("without buckets a distance has its own row, up to the longest", () => {
  assertEquals(distanceRows({ longest: 2 }, 4), [0, 0, 1, 2, 3, 3, 3]);
});
