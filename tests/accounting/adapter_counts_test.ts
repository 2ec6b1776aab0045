/** The count of every method is what its adapter trains, on every family. */

import { assertEquals, assertThrows } from "@std/assert";
import { type CountedMethod, countModules } from "../../src/accounting/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel, countTrainable, readConfig } from "../../src/models/mod.ts";
import { allocateMethod, type LoraSpec, type MethodSpec } from "../../src/runs/mod.ts";
import { assertEveryMethod } from "../methods/every_method.ts";
import { golden } from "../support/golden.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { methods as prefixMethods, openFamily, pairs } from "../adapt/prefix/prefixes.ts";

const sites = { rank: 3, targetModules: "all-linear" } as const, tokens = { length: 4 } as const;

/** Options of LoRA that train values beside A and B, and sites of other ranks. */
const variants: readonly Omit<LoraSpec, "rank">[] = [
  { dora: true },
  { loraBias: true },
  { bias: "all" },
  { bias: "lora_only", targetModules: undefined, sites: ["o"] },
  { trainableTokens: [1, 4, 5] },
  { rankPattern: { ".*\\.0\\..*": 2 } },
  { freezeA: true, rankPattern: { ".*\\.0\\..*": 2 } },
  { dora: true, bias: "all", trainableTokens: [2] },
  { dora: true, freezeA: true, bias: "all" },
];

const methods: readonly MethodSpec[] = [
  ...variants.map((variant): MethodSpec => ({ kind: "lora", ...sites, ...variant })),
  { kind: "lora+prefix-layer", ...sites, ...tokens, dora: true, bias: "all" },
  { kind: "bitfit" },
  { kind: "top-layers", layers: 1 },
  { kind: "lora", ...sites },
  { kind: "vera", ...sites },
  { kind: "ia3" },
  { kind: "ia3", targetModules: "all-linear" },
  { kind: "tinylora", vectorSize: 5, weightTying: 0.5, targetModules: "all-linear" },
  { kind: "tinylora", core: "entries", rank: 3 },
  { kind: "subspace" },
  { kind: "subspace", dimension: 5, targetModules: ".*(dense|c_proj|v_proj)" },
  ...(["houlsby", "lin", "pfeiffer"] as const).map((variant): MethodSpec => ({
    kind: "bottleneck",
    size: 5,
    variant,
  })),
  { kind: "bottleneck", size: 5, variant: "drop", leaveOut: [0] },
  { kind: "prefix-embedding", ...tokens },
  { kind: "prefix-layer", ...tokens },
  { kind: "prefix-tuning", ...tokens },
  { kind: "lora+prefix-embedding", ...sites, ...tokens },
  { kind: "lora+prefix-layer", ...sites, ...tokens },
];

const families = [
  ...["gpt2_tiny", "families/bert_masked", "families/roberta_masked", "families/deberta_masked"],
  ...["families/deberta_v2_masked", "families/llama", "families/qwen2"],
];

/** The pairs that an adapter refuses: so does the count, in the same words. */
const refused: readonly string[] = [
  ...["bitfit families/llama", "prefix-tuning families/deberta_masked"],
  "prefix-tuning families/deberta_v2_masked",
];

Deno.test("no method is left out", () => {
  const table = "`methods` of tests/accounting/adapter_counts_test.ts";
  assertEveryMethod(table, methods.map(({ kind }) => kind), ["full"]);
});

for (const folder of families) {
  for (const method of methods) {
    const { kind, ...options } = method, pair = `${kind} ${folder}`;
    Deno.test(`${pair}: count and adapter agree with ${JSON.stringify(options)}`, async () => {
      using device = new DryDevice();
      using model = allocateModel(device, await readConfig(golden(folder)));
      const count = () =>
        countModules(model.architecture, method).reduce((sum, { trainable }) => sum + trainable, 0);
      if (refused.includes(pair)) {
        const needs = kind === "bitfit" ? "biases" : "a token's key and value alone";
        assertThrows(() => allocateMethod(model, method, 1), RangeError, needs);
        return void assertThrows(count, RangeError, needs);
      }
      using adapter = allocateMethod(model, method, 1)!;
      assertEquals(count(), adapter.parameters.reduce((sum, { size }) => sum + size, 0));
    });
  }
}

const leftOut: readonly (readonly [object, string])[] = [
  [
    { leaveOut: [0, 1] },
    "leaveOut must leave a layer with a bottleneck, found all 2 layers left out",
  ],
  [{ leaveOut: [2] }, "leaveOut must list layers of the model's 2, from 0, found [2]"],
  [{ variant: "drop" }, "drop needs the lowest layers in leaveOut, such as [0, 1], found []"],
];

for (const [options, message] of leftOut) {
  Deno.test(`count and adapter refuse bottlenecks with ${JSON.stringify(options)}`, async () => {
    using device = new DryDevice();
    using model = allocateModel(device, await readConfig(golden("gpt2_tiny")));
    const method: MethodSpec = { kind: "bottleneck", size: 5, ...options };
    assertThrows(() => countModules(model.architecture, method), RangeError, message);
    assertThrows(() => allocateMethod(model, method, 1), RangeError, message);
  });
}

for (const folder of families) {
  Deno.test(`modulesToSave of ${folder} count with every method as its adapter trains them`, async () => {
    using device = new DryDevice();
    using model = allocateModel(device, await readConfig(golden(folder)));
    const norms = model.architecture.layers.filter(({ kind }) => kind === "norm");
    const modulesToSave = [norms[0].name, norms.at(-1)!.name];
    for (const method of methods) {
      if (refused.includes(`${method.kind} ${folder}`)) continue;
      const asked = { ...method, modulesToSave } as MethodSpec;
      using adapter = allocateMethod(model, asked, 1)!;
      const counted = countModules(model.architecture, asked as CountedMethod);
      assertEquals(
        [method, counted.reduce((sum, { trainable }) => sum + trainable, 0)],
        [method, adapter.parameters.reduce((sum, { size }) => sum + size, 0)],
      );
    }
  });
}

const unfit: readonly (readonly [object, ErrorConstructor, string])[] = [
  [{ dora: true, sites: ["q"] }, RangeError, "dora needs whole layers, by targetModules, found"],
  [{ loraBias: true, sites: ["v"] }, RangeError, "loraBias needs whole layers"],
  [{ dora: true, loraBias: true, targetModules: ["c_proj"] }, TypeError, "loraBias to be false"],
  [{ dora: true, targetModules: ["wte"] }, RangeError, "dora needs linear layers, found"],
  [{ freezeA: true, targetModules: ["wte"] }, RangeError, "freezeA needs linear layers, found"],
  [{ trainableTokens: { c_attn: [1] } }, RangeError, "found"],
  [{ bias: "some" }, RangeError, 'found "some"'],
  [{ modulesToSave: ["nothing"] }, RangeError, "modulesToSave"],
];

for (const [options, type, message] of unfit) {
  Deno.test(`count and adapter refuse LoRA with ${JSON.stringify(options)}`, async () => {
    using device = new DryDevice();
    using model = allocateModel(device, await readConfig(golden("gpt2_tiny")));
    const method = { kind: "lora", rank: 2, ...options } as MethodSpec;
    assertThrows(() => countModules(model.architecture, method as CountedMethod), type, message);
    assertThrows(() => allocateMethod(model, method, 1), type, message);
  });
}

Deno.test("a head that shares an embedding's values is none that is counted", async () => {
  const { architecture } = allocateModel(new DryDevice(), await readConfig(golden("gpt2_tiny")));
  const method = { kind: "bitfit", modulesToSave: ["lm_head"] } as const;
  const message = "of modules with values of their own (";
  assertThrows(() => countModules(architecture, method), RangeError, message);
});

const trainedOf = (...of: Parameters<typeof countModules>): number =>
  countModules(...of).reduce((sum, { trainable }) => sum + trainable, 0);

Deno.test("virtual tokens are counted without a device as many as are trained", async () => {
  using device = new DryDevice();
  for (const [kind, name] of pairs) {
    using model = await openFamily(device, name);
    const isClassifier = model.architecture.head === "classes";
    const head = /^classifier$|llama|gpt_neox/.test(name) ? "score" : "classifier";
    const more = isClassifier ? { modulesToSave: [head] } : {};
    using _ = prefixMethods[kind](model, { length: 3, ...more });
    const found = trainedOf(model.architecture, { kind, length: 3 });
    assertEquals([name, found], [name, countTrainable(model)]);
  }
});

Deno.test("prefix-layer tuning of GPT-2 medium is what the paper's table 3 prints, 0.35M", () => {
  const gpt2 = architectureOf(catalog["gpt2-medium"].config);
  assertEquals(trainedOf(gpt2, { kind: "prefix-layer", length: 14 }), 14 * 24 * 1024);
});
