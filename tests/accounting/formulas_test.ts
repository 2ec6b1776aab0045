import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  evaluateFormula,
  evaluateFormulaRatio,
  formulas,
  formulaTex,
  type FormulaValues,
  symbols,
} from "../../src/accounting/mod.ts";
import { packageImports } from "../../scripts/support/layers.ts";

const names = Object.keys(formulas);

/** Counts that the paper prints to all digits, or that follow by hand from its shapes. */
const byHand: [string, FormulaValues, bigint][] = [
  ["fullParameters", { n_voc: 50257, n_pos: 1024, d: 768, L: 12 }, 124_439_808n],
  ["fullParameters", { n_voc: 50257, n_pos: 1024, d: 1280, L: 36 }, 774_030_080n],
  ["topLayersParameters", { L_top: 2, d: 1024 }, 25_192_448n],
  ["bitFitParameters", { L: 12, d: 768 }, 102_144n],
  ["loraParameters", { n_W: 192, d: 12288, r: 4 }, 18_874_368n],
  ["lowRankParameters", { r: 8, d_in: 768, d_out: 3072 }, 30_720n],
  ["veraParameters", { r: 256, d_out: 768 }, 1_024n],
  ["preEmbedParameters", { d: 12288, l_p: 256, l_i: 8 }, 3_244_032n],
  ["preLayerParameters", { L: 96, d: 12288, l_p: 8, l_i: 8 }, 18_874_368n],
  ["prefixTuningParameters", { L: 24, l_p: 10, d_kv: 1024 }, 491_520n],
  ["adapterHParameters", { L: 96, d: 12288, r: 1 }, 7_077_888n + 192n],
  ["adapterLParameters", { L: 24, d: 1024, r: 6 }, 368_784n],
  ["adapterPParameters", { L: 24, d: 1024, r: 16 }, 811_392n],
  ["adapterDParameters", { L: 12, L_drop: 5, d: 768, r: 48 }, 521_808n],
  ["loraPreEmbedParameters", { n_W: 192, d: 12288, r: 8, l_p: 8, l_i: 4 }, 37_896_192n],
  ["loraPreLayerParameters", { n_W: 192, d: 12288, r: 8, L: 96, l_p: 8, l_i: 4 }, 51_904_512n],
  ["checkpointBytes", { beta: 2, P: 18_874_368 }, 37_748_736n],
  ["loraTasksBytes", { W: 350e9, n_task: 100, C: 35e6 }, 353_500_000_000n],
  ["fullTasksBytes", { W: 350e9, n_task: 100 }, 35_000_000_000_000n],
  ["adamw8bitStateBytes", { P_t: 1000, B_q: 256 }, 2_032n],
  ["frozenBytesNf4", { P_q: 4096 * 4096, B_q: 64 }, 8_388_608n + 1_048_576n],
  // The stored form of section 3 of the QLoRA paper: 4.127 bits a value.
  ["frozenBytesNf4Double", { P_q: 4096 * 4096, B_q: 64, B_s: 256 }, 8_388_608n + 262_144n + 4_100n],
  // Korthikanti et al. 2022, section 4.1: 5 a s / h is 80 for GPT-3, beside 34.
  ["activationBytes", { L: 96, s: 2048, b: 1, d: 12288, a: 96 }, 2048n * 12288n * 96n * 114n],
  ["flashActivationBytes", { L: 96, s: 2048, b: 1, d: 12288 }, 2048n * 12288n * 96n * 34n],
  [
    "checkpointedActivationBytes",
    { L: 96, s: 2048, b: 1, d: 12288, a: 96 },
    2048n * 12288n * (2n * 96n + 114n),
  ],
  ["sgdStateBytes", { P_t: 7 }, 0n],
  ["momentumStateBytes", { P_t: 7 }, 28n],
  ["adafactorStateBytes", { d_in: 768, d_out: 3072 }, 15_360n],
  ["loraAdafactorStateBytes", { d_in: 768, d_out: 3072, r: 8 }, 4n * (8n + 768n + 3072n + 8n)],
  ["fullComputePerToken", { P: 7_000_000_000 }, 42_000_000_000n],
  ["frozenComputePerToken", { P: 7_000_000_000 }, 28_000_000_000n],
  ["loraComputePerToken", { r: 8, d_in: 4096, d_out: 4096 }, 393_216n],
  ["adaptedComputePerToken", { P_f: 7_000_000_000, P_t: 1_000 }, 28_000_006_000n],
  ["loraForwardPerToken", { r: 8, d_in: 4096, d_out: 4096 }, 131_072n],
  ["paperTrainingBytes", { P_f: 0, P_t: 175_000_000_000 }, 1_050_000_000_000n],
  // 780 GB for LLaMA 65B, as the QLoRA paper has it.
  ["trainingBytesHalf", { P_f: 0, P_t: 65_000_000_000 }, 780_000_000_000n],
];

for (const [name, values, expected] of byHand) {
  Deno.test(`${name} of ${JSON.stringify(values)} is ${expected}`, () =>
    assertEquals(evaluateFormula(name, values), expected));
}

Deno.test("every formula says what, where from and in which unit, and knows its letters", () => {
  for (const name of names) {
    const { meaning, source, unit, symbols: used } = formulas[name];
    for (const text of [meaning, source, unit]) assertMatch(text, /\w/, name);
    assertEquals(Object.entries(used).filter(([, symbol]) => symbol === undefined), [], name);
  }
});

Deno.test("every letter of the notation is used, and no two look the same", () => {
  const used = new Set(names.flatMap((name) => Object.keys(formulas[name].symbols)));
  assertEquals([...used].sort(), Object.keys(symbols).sort());
  const looks = Object.values(symbols).map(({ tex }) => tex);
  assertEquals(new Set(looks).size, looks.length);
});

Deno.test("counts beyond 2^53 are exact", () => {
  assertEquals(evaluateFormula("adamStateBytes", { P_t: 2n ** 60n + 1n }), 2n ** 63n + 8n);
  assertEquals(
    evaluateFormula("checkpointBytes", { beta: 4n, P: 10n ** 30n + 1n }),
    4n * 10n ** 30n + 4n,
  );
});

Deno.test("ratios are numbers", () => {
  assertEquals(evaluateFormulaRatio("breakEvenRank", { d_in: 12288, d_out: 12288 }), 6144);
  assertEquals(evaluateFormulaRatio("reductionFactor", { d_in: 12288, d_out: 12288, r: 4 }), 1536);
  // Section 4.2: 32.5 and 43.1 tokens a second are 24.6% less time and 32.6% more tokens.
  const speed = { t_0: 1000 / 32.5, t: 1000 / 43.1 };
  assertEquals(evaluateFormulaRatio("timeSavedPercent", speed).toFixed(1), "24.6");
  assertEquals(evaluateFormulaRatio("throughputGainPercent", speed).toFixed(1), "32.6");
  const depth = { t_0: 19.8, n_step: 48, t_step: 0.1, b: 1, s: 128, F: 22e6, v: 1e10 };
  assertEquals(evaluateFormulaRatio("addedDepthTime", depth).toFixed(4), "24.8816");
  // Table 1, first column: 1449.4 ms against 1482.0 ms.
  assertEquals(evaluateFormulaRatio("slowdownPercent", { t_0: 1449.4, t: 1482 }).toFixed(1), "2.2");
});

Deno.test("what is missing, unknown, negative or not whole is said", () => {
  const fails = (name: string, values: FormulaValues, sentence: string) =>
    assertThrows(() => evaluateFormula(name, values), RangeError, sentence);
  fails(
    "lowRankParameters",
    { r: 1, d_in: 2 },
    "needs d_out to be a number of at least 0, found noth",
  );
  fails(
    "lowRankParameters",
    { r: -1, d_in: 2, d_out: 2 },
    "needs r to be a number of at least 0, found -1",
  );
  fails(
    "lowRankParameters",
    { r: NaN, d_in: 2, d_out: 2 },
    "needs r to be a number of at least 0, found NaN",
  );
  fails("adamStateBytes", { P_t: 1, P: 1 }, "adamStateBytes has the letters P_t, found P");
  fails(
    "breakEvenRank",
    { d_in: 1, d_out: 2 },
    "breakEvenRank must be whole, found 0.66666666666666667",
  );
  fails("breakEvenRank", { d_in: 0, d_out: 0 }, "must be finite, found NaN");
  fails("toString", {}, "a formula must be one of fullParameters, ");
});

Deno.test("TeX keeps brackets, drops those of a fraction and has no dots between letters", () => {
  assertEquals(formulaTex("adapterPParameters"), "L\\,(2\\,d\\,r+r+d)");
  assertEquals(
    formulaTex("breakEvenRank"),
    "\\frac{d_{\\mathrm{in}}\\,d_{\\mathrm{out}}}{d_{\\mathrm{in}}+d_{\\mathrm{out}}}",
  );
  for (const name of names) {
    for (const { tex } of Object.values(formulas[name].symbols)) {
      assertEquals(formulaTex(name).includes(tex), true, `${name} shows ${tex}`);
    }
  }
});

Deno.test("the package's main entry never loads the formulas, and with them mathjs", async () => {
  const imports = await packageImports();
  const reached = new Set(["mod.ts"]);
  for (const file of reached) {
    for (const { from, to } of imports) if (from === file) reached.add(to);
  }
  assertEquals(reached.size > 50, true);
  assertEquals([...reached].filter((file) => file.startsWith("src/accounting/")), []);
});
