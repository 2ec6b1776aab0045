/** The count of every method is what its adapter trains, on every family. */

import { assertEquals, assertThrows } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel, readConfig } from "../../src/models/mod.ts";
import { allocateMethod, methodKinds, type MethodSpec } from "../../src/runs/mod.ts";
import { golden } from "../support/golden.ts";

const sites = { rank: 3, targetModules: "all-linear" } as const, tokens = { length: 4 } as const;

const methods: readonly MethodSpec[] = [
  { kind: "bitfit" },
  { kind: "top-layers", layers: 1 },
  { kind: "lora", ...sites },
  { kind: "vera", ...sites },
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
  const counted = new Set(methods.map(({ kind }) => kind));
  assertEquals(methodKinds.filter((kind) => !counted.has(kind)), ["full"]);
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
