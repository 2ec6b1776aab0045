/** Counts of every method: the paper's, and the closed formulas on GPT-2 and GPT-3. */

import { assertEquals, assertThrows } from "@std/assert";
import { type CountedMethod, countModules, evaluateFormula } from "../../src/accounting/mod.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";

const trained = (model: string, method: CountedMethod): number =>
  countModules(architectureOf(catalog[model].config), method)
    .reduce((sum, { trainable }) => sum + trainable, 0);

const printed: readonly [string, CountedMethod, number][] = [
  // Table 3: FT-Top2 25.19M.
  ["gpt2-medium", { kind: "top-layers", layers: 2 }, 25_192_448],
  // 11 d per layer and d of the last norm; the paper prints 14.2M, which is 12 d per layer.
  ["gpt3-175b", { kind: "bitfit" }, 12_988_416],
  ["gpt3-175b", { kind: "lora", rank: 4, sites: ["q", "v"] }, 18_874_368],
  // Kopiczko et al. 2024, table 2: RoBERTa base 0.043M and large 0.061M, of rank 1,024 and 256.
  ["roberta-base", { kind: "vera", rank: 1024 }, 43_008],
  ["roberta-large", { kind: "vera", rank: 256 }, 61_440],
];

for (const [model, method, count] of printed) {
  Deno.test(`${JSON.stringify(method)} trains ${count} values of ${model}`, () => {
    assertEquals(trained(model, method), count);
  });
}

for (const name of ["gpt2", "gpt2-xl", "gpt3-175b"]) {
  Deno.test(`formulas of full, bitfit and top layers are what ${name}'s tensors add up to`, () => {
    const { n_layer: L, n_embd: d, vocab_size: n_voc, n_positions: n_pos } = catalog[name]
      .config as Record<
        string,
        number
      >;
    const formula = (name: string, values: Record<string, number>) =>
      Number(evaluateFormula(name, values));
    assertEquals(trained(name, { kind: "bitfit" }), formula("bitFitParameters", { L, d }));
    const top = formula("topLayersParameters", { L_top: 3, d });
    assertEquals(trained(name, { kind: "top-layers", layers: 3 }), top);
    assertEquals(
      trained(name, { kind: "full" }),
      formula("fullParameters", { n_voc, n_pos, d, L }),
    );
  });
}

Deno.test("a classifier's head counts with every method, once where it is one of the model's own values", () => {
  const config = {
    ...catalog["bert-base"].config,
    architectures: ["BertForSequenceClassification"],
    num_labels: 3,
  };
  const model = architectureOf(config), head = 3 * 768 + 3;
  const countOf = (method: CountedMethod) => {
    const { parameters, trainable } = countModules(model, method).find(({ name }) =>
      name === "classifier"
    )!;
    return [parameters, trainable];
  };
  assertEquals(countOf({ kind: "bitfit" }), [head, head]);
  assertEquals(countOf({ kind: "top-layers", layers: 2 }), [head, head]);
  assertEquals(countOf({ kind: "lora", rank: 2, sites: ["q"] }), [2 * head, head]);
  assertEquals(countOf({ kind: "vera", rank: 2 }), [2 * head, head]);
});

Deno.test("what does not fit a model is refused by name", () => {
  assertThrows(
    () => trained("llama-2-7b", { kind: "bitfit" }),
    RangeError,
    "a model with biases, found none",
  );
  assertThrows(
    () => trained("t5-base", { kind: "top-layers", layers: 2 }),
    RangeError,
    "found encoder.block and",
  );
  const part = { kind: "vera", rank: 4, sites: ["q"] } as const;
  assertThrows(() => trained("gpt2", part), RangeError, "found transformer.h.0.attn.c_attn:q");
  const other = { kind: "magic" } as unknown as CountedMethod;
  assertThrows(() => trained("gpt2", other), RangeError, 'a known method, found "magic"');
});

Deno.test("of an OPT whose words are narrower than its blocks, each method counts the width that it has", () => {
  const opt350m = architectureOf({
    model_type: "opt",
    architectures: ["OPTForCausalLM"],
    hidden_size: 1024,
    word_embed_proj_dim: 512,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    ffn_dim: 4096,
    vocab_size: 50272,
    max_position_embeddings: 2048,
    do_layer_norm_before: false,
  });
  const trainedOf = (method: CountedMethod) =>
    countModules(opt350m, method).reduce((sum, { trainable }) => sum + trainable, 0);
  const size = 64, length = 8, each = 2 * size * 1024 + size + 1024;
  assertEquals(trainedOf({ kind: "full" }), 331_196_416); // As published.
  assertEquals(trainedOf({ kind: "bottleneck", size, variant: "pfeiffer" }), 24 * each);
  assertEquals(trainedOf({ kind: "bottleneck", size }), 2 * 24 * each);
  assertEquals(trainedOf({ kind: "prefix-layer", length }), 24 * length * 1024);
  assertEquals(trainedOf({ kind: "prefix-tuning", length }), 2 * 24 * length * 1024);
  assertEquals(trainedOf({ kind: "prefix-embedding", length }), length * 512);
});
