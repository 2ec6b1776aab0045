import { assertEquals, assertThrows } from "@std/assert";
import {
  evaluateFormula,
  optimizerBytes,
  type OptimizerName,
  optimizerNames,
  type Precision,
  trainingBytes,
} from "../../src/accounting/mod.ts";
import {
  type Architecture,
  architectureOf,
  catalog,
  countParameters,
  inferArchitecture,
} from "../../src/architectures/mod.ts";

const allLinear = { rank: 64, targetModules: "all-linear" } as const;

/** LLaMA 65B, of which the QLoRA paper speaks. */
const llama65b = architectureOf({
  ...catalog["llama-2-7b"].config,
  hidden_size: 8192,
  intermediate_size: 22016,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 64,
});

const baseBytes = (model: Architecture, precision: Precision) => {
  const { weight, quantized } = trainingBytes(model, precision, allLinear);
  return weight + quantized;
};

Deno.test("double quantization saves 3 GB of LLaMA 65B, as the QLoRA paper says", () => {
  const linears = llama65b.linears.filter(({ kind }) => kind === "linear");
  const values = linears.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
  assertEquals(values, 64_760_053_760);
  const rest = 2 * (countParameters(llama65b.tensors) - values);
  const weight = (precision: Precision) => baseBytes(llama65b, precision);
  // 4.5 and 4.127 bits a value, and 16 for embeddings, head and norms.
  assertEquals(weight("nf4"), values * 4.5 / 8 + rest);
  assertEquals(weight("nf4-double"), values / 2 + values / 64 + values / 4096 + 4 * 560 + rest);
  assertEquals(((weight("nf4") - weight("nf4-double")) / 1e9).toFixed(2), "3.02");
  assertEquals((weight("nf4-double") / 1e9).toFixed(1), "34.5");
  assertEquals((weight("nf4-double") / 2 ** 30).toFixed(1), "32.1");
});

Deno.test("LLaMA 7B in NF4, doubly quantized: 3.34 GB of linear layers and 0.52 GB of the rest", () => {
  const llama7b = architectureOf(catalog["llama-2-7b"].config);
  const { quantized, weight } = trainingBytes(llama7b, "nf4-double", allLinear);
  assertEquals([quantized, weight].map((bytes) => (bytes / 1e9).toFixed(2)), ["3.34", "0.52"]);
  assertEquals((baseBytes(llama7b, "nf4-double") / 1e9).toFixed(2), "3.87");
});

Deno.test("a 4096 x 4096 matrix has 4.5 bits a value in NF4, 4.127 doubly quantized", () => {
  const matrix = inferArchitecture([{ name: "q_proj.weight", shape: [4096, 4096] }]);
  const bits = (precision: Precision) => {
    const { quantized } = trainingBytes(matrix, precision, {
      rank: 1,
      targetModules: "all-linear",
    });
    return (8 * quantized / 4096 ** 2).toFixed(3);
  };
  assertEquals([bits("nf4"), bits("nf4-double")], ["4.500", "4.127"]);
});

Deno.test("an adapter of rank 64 on all linear layers of LLaMA 65B has 799.5M values, 16 bytes each", () => {
  const { adapter, gradient, optimizer } = trainingBytes(llama65b, "nf4", allLinear);
  assertEquals([adapter, gradient, optimizer], [4, 4, 8].map((bytes) => bytes * 799_539_200));
  const trained = adapter + gradient + optimizer;
  // Nothing is left for activations in 48 GB.
  const totals = (["nf4", "nf4-double"] as const).map((precision) =>
    ((baseBytes(llama65b, precision) + trained) / 1e9).toFixed(1)
  );
  assertEquals(totals, ["50.3", "47.3"]);
});

Deno.test("the roles add up to the formulas of the whole", () => {
  const gpt3 = architectureOf(catalog["gpt3-175b"].config);
  const sum = (precision: Precision, lora?: typeof qv) => {
    const { weight, adapter, gradient, optimizer } = trainingBytes(gpt3, precision, lora);
    return BigInt(weight + adapter + gradient + optimizer);
  };
  const qv = { rank: 4, sites: ["q", "v"] };
  const full = { P_f: 0, P_t: 174_604_259_328 }, lora = { P_f: 174_604_259_328, P_t: 18_874_368 };
  for (const [precision, name] of [["fp32", "Fp32"], ["mixed", "Mixed"]] as const) {
    assertEquals(sum(precision), evaluateFormula(`trainingBytes${name}`, full));
    assertEquals(sum(precision, qv), evaluateFormula(`trainingBytes${name}`, lora));
  }
});

Deno.test("values in NF4 cannot be trained", () => {
  assertThrows(
    () => trainingBytes(llama65b, "nf4"),
    RangeError,
    "training all of a model needs F32 or mixed precision, found nf4",
  );
});

Deno.test("an optimizer's bytes are summed tensor by tensor", () => {
  // A matrix, the smallest in 8 bits, one too small for them, and a vector.
  const trained = [[64, 128], [64, 64], [9, 455], [128]].map((shape, i) => ({
    name: `${i}`,
    shape,
  }));
  const values = 64 * 128 + 4096 + 4095 + 128;
  const expected: Record<OptimizerName, number> = {
    sgd: 0,
    momentum: 4 * values,
    adamw: 8 * values,
    adamw8bit: 2 * (8192 + 4096) + 8 * (32 + 16) + 8 * (4095 + 128),
    adafactor: 4 * (64 + 128 + 64 + 64 + 9 + 455 + 128),
  };
  const found = optimizerNames.map((name) => [name, optimizerBytes(name, trained)]);
  assertEquals(Object.fromEntries(found), expected);
});

Deno.test("A and B of a matrix have the Adafactor state of the formula for both", () => {
  const [r, d_in, d_out] = [8, 768, 3072];
  const factors = [[r, d_in], [d_out, r]].map((shape) => ({ name: "factor", shape }));
  assertEquals(
    BigInt(optimizerBytes("adafactor", factors)),
    evaluateFormula("loraAdafactorStateBytes", { r, d_in, d_out }),
  );
});
