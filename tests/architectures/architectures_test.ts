/** The longest sequence of an architecture is that of the model that runs. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Architecture,
  architectureOf,
  catalog,
  type ConfigJson,
  countParameters,
  inferArchitecture,
  type LinearSpec,
  storedShape,
  type TensorSpec,
} from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel, Gpt2, parseGpt2Config, readConfig } from "../../src/models/mod.ts";
import goldenFile from "../golden/counts.json" with { type: "json" };
import { families, golden as goldenFolder } from "../support/golden.ts";

interface GoldenModel {
  name: string;
  config: ConfigJson;
  parameters: number;
  tensors: Record<string, string>;
}

/** Shapes by transformers. */
const golden = (goldenFile as unknown as { models: GoldenModel[] }).models;

/** Tensors as the golden file groups them: names with `*` for the first number, and how many. */
function grouped(tensors: readonly TensorSpec[]): Record<string, string> {
  const groups: Record<string, { count: number; shape: string }> = {};
  for (const tensor of tensors) {
    const key = tensor.name.replace(/(?<=\.)\d+(?=\.)/, "*"), shape = storedShape(tensor).join("x");
    const group = groups[key] ??= { count: 0, shape };
    assertEquals(group.shape, shape, tensor.name);
    group.count++;
  }
  return Object.fromEntries(
    Object.entries(groups).map(([key, { count, shape }]) => [key, `${count} of ${shape}`]),
  );
}

for (const { name, config, parameters, tensors } of golden) {
  Deno.test(`${name} as ${config.architectures} has transformers' tensors, ${parameters} values`, () => {
    const ours = architectureOf(config).tensors;
    assertEquals(grouped(ours), tensors);
    assertEquals(new Set(ours.map(({ name }) => name)).size, ours.length);
    assertEquals(countParameters(ours), parameters);
  });
}

Deno.test("the trunk alone has the same tensors, without the prefix", () => {
  for (const { name, config } of golden) {
    const { tensors, trunk } = architectureOf(config);
    const [model] = config.architectures as string[];
    const architectures = [model.replace(/(LMHead|Encoder)?Model$|For\w+$/, "Model")];
    const bare = architectureOf({ ...config, architectures });
    assertEquals(bare.trunk, "", name);
    if (trunk === "") continue;
    const inTrunk = tensors.filter((tensor) => tensor.name.startsWith(trunk));
    const shapes = inTrunk.map(({ name, shape }) => [name.slice(trunk.length), shape]);
    // A model with a head may leave out the pooler of the trunk alone.
    const known = new Map(bare.tensors.map(({ name, shape }) => [name, shape]));
    for (const [name, shape] of shapes) assertEquals(known.get(name as string), shape);
    assert(bare.tensors.length - shapes.length <= 2, name);
  }
});

Deno.test("the golden file has every model of the catalog as it is there", () => {
  const checked = golden.slice(0, Object.keys(catalog).length);
  const configs = Object.entries(catalog).map(([name, { config }]) => ({ name, config }));
  assertEquals(checked.map(({ name, config }) => ({ name, config })), configs);
});

/** Rows of a part, one by one. */
function rowsOf({ parts }: LinearSpec): number[] {
  return Object.values(parts).flat().flatMap(({ start, count }) =>
    Array.from({ length: count }, (_, row) => start + row)
  );
}

Deno.test("the weight of every linear layer is among the tensors, and its parts are all of its rows", () => {
  for (const { config } of golden) {
    const { tensors, linears } = architectureOf(config);
    const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
    for (const linear of linears) {
      const { name, outputs, inputs, kind, parts } = linear;
      assertEquals(shapes.get(`${name}.weight`), [outputs, inputs], name);
      for (const tensor of linear.tensors) assert(tensors.includes(tensor), tensor.name);
      if (kind === "embedding") assertEquals(parts, {}, name);
    }
    // Blocks are alike: the rows of the first say it for all.
    for (const linear of linears.filter(({ name }) => !/\.[1-9]/.test(name))) {
      const rows = rowsOf(linear).sort((a, b) => a - b);
      if (rows.length > 0) assertEquals(rows, [...Array(linear.outputs).keys()], linear.name);
    }
  }
});

Deno.test("the first DeBERTa holds q, k and v head by head, GPT-2 below each other", () => {
  const partsOf = (model: string, ending: string) =>
    architectureOf(catalog[model].config).linears.find(({ name }) => name.endsWith(ending))!
      .parts;
  const [q, k] = [partsOf("deberta-base", "in_proj").q, partsOf("deberta-base", "in_proj").k];
  assertEquals([q, k].map((rows) => [rows].flat().length), [12, 12]);
  assertEquals([q, k].map((rows) => [rows].flat()[1]), [
    { start: 192, count: 64 },
    { start: 256, count: 64 },
  ]);
  assertEquals(partsOf("gpt2", "c_attn").v, { start: 1536, count: 768 });
});

/** The fields of a linear layer that counting reads. */
const counted = ({ linears }: Architecture) =>
  linears.map(({ name, kind, inputs, outputs, tensors, parts }) => ({
    ...{ name, kind, inputs, outputs, tensors: tensors.map(({ name }) => name) },
    parts: Object.fromEntries(
      Object.entries(parts).map(([role, rows]) => [
        role,
        [rows].flat().reduce((sum, { count }) => sum + count, 0),
      ]),
    ),
  }));

Deno.test("names and shapes in files tell all that counting needs", () => {
  for (const { name, config } of golden) {
    const known = architectureOf(config);
    const stored = known.tensors.map((tensor) => ({
      name: tensor.name,
      shape: storedShape(tensor),
    }));
    const inferred = inferArchitecture(stored);
    assertEquals(counted(inferred), counted(known), name);
    assertEquals(inferred.tensors.map(storedShape), known.tensors.map(storedShape), name);
    assertEquals(inferred.head === "classes", known.head === "classes", name);
  }
});

Deno.test("a GPT-2 that runs has the parameters and linear layers of its architecture", () => {
  using device = new DryDevice();
  for (const fields of [{}, { tie_word_embeddings: false, n_inner: 100 }]) {
    const config = parseGpt2Config({ n_layer: 2, n_embd: 24, n_head: 3, ...fields });
    using model = Gpt2.allocate(device, config);
    const { tensors, linears } = architectureOf({ model_type: "gpt2", ...config });
    const shapes = tensors.map(({ name, shape }) => ({ name, shape }));
    const live = Array.from(model.parameters, ([name, { shape }]) => ({ name, shape }));
    assertEquals(live, shapes);
    const plain = linears.filter(({ kind }) => kind === "linear");
    assertEquals(
      model.linears.map(({ name, parts, weight }) => ({
        name,
        parts: parts as LinearSpec["parts"],
        shape: weight.shape,
      })),
      plain.map(({ name, parts, outputs, inputs }) => ({ name, parts, shape: [outputs, inputs] })),
    );
  }
});

Deno.test("layers know what all-linear leaves out", () => {
  const config = { ...catalog["llama-3-8b"].config, num_hidden_layers: 1 };
  assertEquals(architectureOf(config).linears.map(({ name, kind }) => [name, kind]), [
    ["model.embed_tokens", "embedding"],
    ...["q", "k", "v", "o"].map((name) => [`model.layers.0.self_attn.${name}_proj`, "linear"]),
    ...["gate", "up", "down"].map((name) => [`model.layers.0.mlp.${name}_proj`, "linear"]),
    ["lm_head", "head"],
  ]);
  const { linears } = architectureOf(catalog.gpt2.config);
  const up = linears.find(({ name }) => name.endsWith("c_fc"))!;
  assertEquals([up.inputs, up.outputs, storedShape(up.tensors[0])], [768, 3072, [768, 3072]]);
});

Deno.test("a configuration that cannot be understood is refused in one sentence", () => {
  const fails = (config: ConfigJson, sentence: string) =>
    assertThrows(() => architectureOf(config), RangeError, sentence);
  fails({}, "a configuration must have a model_type of gpt2, bert, ");
  fails({ model_type: "mamba" }, 'files); found "mamba"');
  fails({ model_type: "constructor" }, 'files); found "constructor"');
  // Every field that a model cannot do without, and what may be absent but not be anything.
  const needed =
    /^(vocab_size|n_(embd|layer|positions)|hidden_size|(num_)?(hidden_)?layers|d_\w+)$/;
  const optional = /^(n_inner|num_(labels|key_value_heads|decoder_layers)|head_dim)$/;
  for (const { config } of golden) {
    for (const field of Object.keys(config)) {
      const rule = `a ${config.model_type} configuration needs ${field} to be`;
      if (needed.test(field)) {
        fails({ ...config, [field]: undefined }, `${rule} a positive integer, found nothing`);
        fails({ ...config, [field]: 0 }, `${rule} a positive integer, found 0`);
      }
      if (optional.test(field)) {
        fails({ ...config, [field]: -1.5 }, `${rule} an integer of at least 0, found -1.5`);
      }
    }
  }
  const { config } = catalog["t5-base"];
  fails(
    { ...config, architectures: ["T5ForSequenceClassification"] },
    "needs architectures to name T5Mo",
  );
  fails(
    { ...config, architectures: ["T5ForDancing"] },
    'ForSequenceClassification, found ["T5ForD',
  );
  // Heads that we do not count, in classes whose names end in Model.
  for (
    const [model, name] of [
      ["gpt2", "GPT2DoubleHeadsModel"],
      ["llama-3-8b", "LlamaRewardModel"],
      ["llama-3-8b", "LlamaForRewardModel"],
      ["gpt2", "T5EncoderModel"],
    ]
  ) {
    const config = { ...catalog[model].config, architectures: [name] };
    fails(config, `needs architectures to name the bare model or one that ends in`);
  }
  fails(
    { ...config, tie_word_embeddings: "no" },
    'needs tie_word_embeddings to be true or false, found "no"',
  );
  fails(
    { ...catalog["deberta-base"].config, num_attention_heads: 7 },
    "needs num_attention_heads to divide the width, 768, found 7",
  );
});

/** transformers 5 ties the head whatever the configuration says; the files of version 1.1 have their own. */
Deno.test("T5 1.1 base has a head of its own: 247,577,856 values", () => {
  const changes = { d_ff: 2048, feed_forward_proj: "gated-gelu", tie_word_embeddings: false };
  const { tensors } = architectureOf({ ...catalog["t5-base"].config, ...changes });
  assertEquals(countParameters(tensors), 247_577_856);
});

Deno.test("a fused weight whose rows are not three times as many as one part's has no parts", () => {
  const partsOf = (rows: number) => {
    const tensors = [{ name: "h.0.attn.in_proj.weight", shape: [rows, 2] }];
    return Object.keys(inferArchitecture(tensors).linears[0].parts);
  };
  assertEquals(partsOf(6), ["q", "k", "v"]);
  assertEquals(partsOf(4), []);
});

for (const folder of ["gpt2_tiny", "classifier", ...families.map((name) => `families/${name}`)]) {
  Deno.test(`${folder}: count has the positions of the model that runs`, async () => {
    const config = await readConfig(goldenFolder(folder));
    using device = new DryDevice();
    using model = allocateModel(device, config);
    assertEquals(architectureOf(config).positions, model.positions);
  });
}

Deno.test("count has the default positions of the model that runs, and its window unless it is off", () => {
  const sizes = { hidden_size: 8, num_hidden_layers: 1, vocab_size: 5, intermediate_size: 4 };
  const limits: [model_type: string, free: number, windowed: number][] = [
    ["llama", 2048, 4],
    ["mistral", 131072, 4],
    ["qwen2", 32768, 32768],
    ["qwen3", 32768, 32768],
  ];
  for (const [model_type, free, windowed] of limits) {
    for (const sliding_window of [undefined, null, 4]) {
      const config = { ...sizes, model_type, num_attention_heads: 2, sliding_window };
      using device = new DryDevice();
      using model = allocateModel(device, config);
      const { positions } = architectureOf(config), expected = sliding_window ? windowed : free;
      assertEquals([positions, model.positions], [expected, expected], model_type);
    }
    const on = { use_sliding_window: true, sliding_window: 4 };
    const config = { ...sizes, model_type, num_attention_heads: 2, ...on };
    assertEquals(architectureOf(config).positions, 4, model_type);
  }
});

Deno.test("where no configuration states a limit there is none", () => {
  assertEquals(architectureOf(catalog["t5-base"].config).positions, undefined);
  assertEquals(architectureOf(catalog["gpt3-175b"].config).positions, 2048);
});
