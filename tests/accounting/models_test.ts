import { assertEquals } from "@std/assert";
import { classifierParameters, evaluateFormula, loraCounts } from "../../src/accounting/mod.ts";
import {
  architectureOf,
  catalog,
  type ConfigJson,
  countParameters,
  type TensorSpec,
} from "../../src/architectures/mod.ts";
import goldenFile from "../golden/counts.json" with { type: "json" };
import familiesFile from "../golden/families.json" with { type: "json" };

interface PeftRow {
  model: string;
  config: ConfigJson;
  rank: number;
  targets: string | string[] | null;
  trainable: number;
  all: number;
}

/** Counts by PEFT. */
const golden = goldenFile as unknown as { peft: PeftRow[] };
const families = familiesFile as unknown as { peft: PeftRow[] };

function peftCount({ config, rank, targets }: PeftRow): { trainable: number; all: number } {
  const architecture = architectureOf(config);
  const targetModules = targets ?? architecture.peftTargets;
  const trainable = loraCounts(architecture, rank, { targetModules })
    .reduce((sum, { parameters }) => sum + parameters, classifierParameters(architecture));
  return { trainable, all: countParameters(architecture.tensors) + trainable };
}

for (const row of [...golden.peft, ...families.peft]) {
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

/** Totals, and those without both embeddings, of the model cards of EleutherAI on Hugging Face. */
const pythia: Readonly<Record<string, readonly [total: number, others: number]>> = {
  "70m": [70_426_624, 18_915_328],
  "160m": [162_322_944, 85_056_000],
  "410m": [405_334_016, 302_311_424],
  "1b": [1_011_781_632, 805_736_448],
  "1.4b": [1_414_647_808, 1_208_602_624],
  "2.8b": [2_775_208_960, 2_517_652_480],
  "6.9b": [6_857_302_016, 6_444_163_072],
  "12b": [11_846_072_320, 11_327_027_200],
};

Deno.test("every Pythia has the parameters that its model card prints", () => {
  const counted = Object.keys(pythia).map((size) => {
    const { tensors } = architectureOf(catalog[`pythia-${size}`].config);
    const others = tensors.filter(({ name }) => !/embed_(in|out)/.test(name));
    return [size, [tensors, others].map(countParameters)];
  });
  assertEquals(Object.fromEntries(counted), pythia);
});

Deno.test("sites adapt a third of a fused weight, whatever the model calls it", () => {
  const parameters = (model: string, rank: number, sites: string[] | "all") =>
    loraCounts(architectureOf(catalog[model].config), rank, { sites })
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
  for (const [name, { config }] of Object.entries(catalog)) {
    if (config.model_type !== "gpt2") continue;
    const { n_embd: d, n_layer: L, vocab_size: n_voc, n_positions: n_pos } = config as Record<
      string,
      number
    >;
    const { tensors } = architectureOf(config);
    const count = (keep: (tensor: TensorSpec) => boolean) =>
      BigInt(countParameters(tensors.filter(keep)));
    assertEquals(
      count(() => true),
      evaluateFormula("fullParameters", { d, L, n_voc, n_pos }),
      name,
    );
    const biases = count(({ name }) => name.endsWith(".bias"));
    assertEquals(biases, evaluateFormula("bitFitParameters", { d, L }), name);
    const isTop = ({ name }: TensorSpec) => name.includes(`.h.${L - 1}.`);
    assertEquals(count(isTop), evaluateFormula("topLayersParameters", { d, L_top: 1 }), name);
  }
});
