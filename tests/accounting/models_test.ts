import { assertEquals, assertThrows } from "@std/assert";
import {
  catalogue,
  classifierParameters,
  type ConfigJson,
  countParameters,
  evaluate,
  loraCounts,
  type LoraSelection,
  matricesOf,
  modelTensors,
  peftTargets,
  type TensorShape,
} from "../../src/accounting/mod.ts";
import goldenFile from "../golden/counts.json" with { type: "json" };

interface Golden {
  models: {
    name: string;
    config: ConfigJson;
    parameters: number;
    tensors: Record<string, string>;
  }[];
  peft: PeftRow[];
}

interface PeftRow {
  model: string;
  config: ConfigJson;
  rank: number;
  targets: string | string[] | null;
  trainable: number;
  all: number;
}

/** Shapes by transformers and counts by PEFT. */
const golden = goldenFile as unknown as Golden;

/** Tensors as the golden file groups them: names with `*` for the first number, and how many. */
function grouped(tensors: TensorShape[]): Record<string, string> {
  const groups: Record<string, { count: number; shape: string }> = {};
  for (const { name, shape } of tensors) {
    const key = name.replace(/(?<=\.)\d+(?=\.)/, "*");
    const group = groups[key] ??= { count: 0, shape: shape.join("x") };
    assertEquals(group.shape, shape.join("x"), name);
    group.count++;
  }
  return Object.fromEntries(
    Object.entries(groups).map(([key, { count, shape }]) => [key, `${count} of ${shape}`]),
  );
}

for (const { name, config, parameters, tensors } of golden.models) {
  Deno.test(`${name} as ${config.architectures} has transformers' tensors, ${parameters} values`, () => {
    const ours = modelTensors(config);
    assertEquals(grouped(ours), tensors);
    assertEquals(new Set(ours.map(({ name }) => name)).size, ours.length);
    assertEquals(countParameters(ours), parameters);
  });
}

Deno.test("the golden file has every model of the catalogue as it is there", () => {
  const checked = golden.models.slice(0, Object.keys(catalogue).length);
  const configs = Object.entries(catalogue).map(([name, { config }]) => ({ name, config }));
  assertEquals(checked.map(({ name, config }) => ({ name, config })), configs);
});

function peftCount({ config, rank, targets }: PeftRow): { trainable: number; all: number } {
  const tensors = modelTensors(config);
  const targetModules =
    (targets ?? peftTargets[String(config.model_type)]) as LoraSelection["targetModules"];
  const trainable = loraCounts(tensors, rank, { targetModules })
    .reduce((sum, { parameters }) => sum + parameters, classifierParameters(tensors));
  return { trainable, all: countParameters(tensors) + trainable };
}

for (const row of golden.peft) {
  const { model, rank, targets, trainable, all } = row;
  Deno.test(`${model}, rank ${rank} on ${targets}: PEFT trains ${trainable} of ${all}`, () =>
    assertEquals(peftCount(row), { trainable, all }));
}

/**
 * PEFT's docstring has 223,843,584 for T5 base, since its first release. PEFT 0.21.2 itself counts 72 · 768
 * less, as we do: one vector of the width less for each of the 72 adapted layers. A bias of each would be
 * that much; T5 has none.
 */
Deno.test("T5 base in PEFT's docstring is 72 vectors of its width above what PEFT counts", () => {
  const row = golden.peft.find(({ model, targets }) => model === "t5-base" && targets === null)!;
  assertEquals(row.all + 72 * 768, 223_843_584);
});

Deno.test("sites adapt a third of a fused weight, whatever the model calls it", () => {
  const parameters = (model: string, rank: number, sites: string[] | "all") =>
    loraCounts(modelTensors(catalogue[model].config), rank, { sites })
      .reduce((sum, { parameters }) => sum + parameters, 0);
  // The paper's tables 2, 3, 4 and 5.
  assertEquals(parameters("gpt2-medium", 4, ["q", "v"]), 393_216);
  assertEquals(parameters("gpt3-175b", 8, ["q", "v"]), 37_748_736);
  assertEquals(parameters("gpt3-175b", 2, ["q", "k", "v", "o"]), 18_874_368);
  assertEquals(parameters("roberta-large", 8, ["q", "v"]), 786_432);
  assertEquals(parameters("deberta-base", 8, ["q", "v"]), 294_912);
  assertEquals(parameters("deberta-v2-xxlarge", 16, ["q", "v"]), 4_718_592);
  // All sites are all linear layers; the three of c_attn share its inputs only in number.
  assertEquals(parameters("llama-3-8b", 16, "all"), 41_943_040);
  assertEquals(parameters("gpt2", 8, "all"), 1_179_648 + 12 * 2 * 8 * 768);
  assertEquals(parameters("bert-base", 4, ["down"]), 12 * 4 * (3072 + 768));
  assertEquals(parameters("t5-base", 4, ["up"]), 24 * 4 * (3072 + 768));
});

Deno.test("the closed formulas of GPT-2's shape are its tensors' counts", () => {
  for (const [name, { config }] of Object.entries(catalogue)) {
    if (config.model_type !== "gpt2") continue;
    const { n_embd: d, n_layer: L, vocab_size: n_voc, n_positions: n_pos } = config as Record<
      string,
      number
    >;
    const tensors = modelTensors(config);
    const count = (keep: (tensor: TensorShape) => boolean) =>
      BigInt(countParameters(tensors.filter(keep)));
    assertEquals(count(() => true), evaluate("fullParameters", { d, L, n_voc, n_pos }), name);
    const biases = count(({ name }) => name.endsWith(".bias"));
    assertEquals(biases, evaluate("bitFitParameters", { d, L }), name);
    const isTop = ({ name }: TensorShape) => name.includes(`.h.${L - 1}.`);
    assertEquals(count(isTop), evaluate("topLayersParameters", { d, L_top: 1 }), name);
  }
});

Deno.test("matrices know their inputs, their outputs and what all-linear leaves out", () => {
  const config = { ...catalogue["llama-3-8b"].config, num_hidden_layers: 1 };
  assertEquals(matricesOf(modelTensors(config)).map(({ name, kind }) => [name, kind]), [
    ["model.embed_tokens", "embedding"],
    ...["q", "k", "v", "o"].map((name) => [`model.layers.0.self_attn.${name}_proj`, "linear"]),
    ...["gate", "up", "down"].map((name) => [`model.layers.0.mlp.${name}_proj`, "linear"]),
    ["lm_head", "head"],
  ]);
  const [gpt2] = matricesOf(modelTensors(catalogue.gpt2.config))
    .filter(({ name }) => name.endsWith("c_fc"));
  assertEquals([gpt2.inputs, gpt2.outputs], [768, 3072]);
});

Deno.test("a configuration that cannot be counted is refused in one sentence", () => {
  const fails = (config: ConfigJson, sentence: string) =>
    assertThrows(() => modelTensors(config), RangeError, sentence);
  fails({}, "a configuration must have a model_type of gpt2, bert, ");
  fails({ model_type: "mamba" }, 'files); found "mamba"');
  fails({ model_type: "constructor" }, 'files); found "constructor"');
  // Every field that a model cannot do without, and what may be absent but not be anything.
  const needed =
    /^(vocab_size|n_(embd|layer|positions)|hidden_size|(num_)?(hidden_)?layers|d_\w+)$/;
  const optional = /^(n_inner|num_(labels|key_value_heads|decoder_layers)|head_dim)$/;
  for (const { config } of golden.models) {
    for (const field of Object.keys(config)) {
      const rule = `must have ${field}, a whole number from`;
      if (needed.test(field)) {
        fails({ ...config, [field]: undefined }, `${rule} 1 on; found nothing`);
      }
      if (needed.test(field)) fails({ ...config, [field]: 0 }, `${rule} 1 on; found 0`);
      if (optional.test(field)) fails({ ...config, [field]: -1.5 }, `${rule} 0 on; found -1.5`);
    }
  }
  const { config } = catalogue["t5-base"];
  fails(
    { ...config, architectures: ["T5ForSequenceClassification"] },
    "must have architectures, T5Mo",
  );
  fails(
    { ...config, architectures: ["T5ForDancing"] },
    'ForSequenceClassification; found ["T5ForD',
  );
  fails(
    { ...config, tie_word_embeddings: "no" },
    'must have tie_word_embeddings, true or false; found "no"',
  );
});

/** transformers 5 ties the head whatever the configuration says; the files of version 1.1 have their own. */
Deno.test("T5 1.1 base has a head of its own: 247,577,856 values", () => {
  const changes = { d_ff: 2048, feed_forward_proj: "gated-gelu", tie_word_embeddings: false };
  const tensors = modelTensors({ ...catalogue["t5-base"].config, ...changes });
  assertEquals(countParameters(tensors), 247_577_856);
});
