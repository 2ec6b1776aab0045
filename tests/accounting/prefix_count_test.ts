import { assertEquals, assertThrows } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { countTrainable, readConfig } from "../../src/models/mod.ts";
import { methods, openFamily, pairs } from "../adapt/prefix/prefixes.ts";
import { golden } from "../support/golden.ts";

const trainedOf = (...of: Parameters<typeof countModules>): number =>
  countModules(...of).reduce((sum, { trainable }) => sum + trainable, 0);

Deno.test("virtual tokens are counted without a device as many as are trained", async () => {
  using device = new DryDevice();
  for (const [kind, name] of pairs) {
    using model = await openFamily(device, name);
    const isClassifier = model.architecture.head === "classes";
    const head = name === "classifier" || name.includes("llama") ? "score" : "classifier";
    const more = isClassifier ? { modulesToSave: [head] } : {};
    using _ = methods[kind](model, { length: 3, ...more });
    const found = trainedOf(model.architecture, { kind, length: 3 });
    assertEquals([name, found], [name, countTrainable(model)]);
  }
});

Deno.test("prefix-layer tuning of GPT-2 medium is what the paper's table 3 prints, 0.35M", () => {
  const gpt2 = architectureOf(catalog["gpt2-medium"].config);
  assertEquals(trainedOf(gpt2, { kind: "prefix-layer", length: 14 }), 14 * 24 * 1024);
});

Deno.test("what has no virtual tokens is not counted, by name", async () => {
  const gpt2 = architectureOf(catalog["gpt2"].config);
  const deberta = architectureOf(await readConfig(golden("families/deberta_v2_masked")));
  const wrong: [Parameters<typeof countModules>, string][] = [
    [[gpt2, { kind: "prefix-layer", length: 0 }], "length must be a whole number from 1, found 0"],
    [[deberta, { kind: "prefix-tuning", length: 2 }], "prefix-tuning needs keys that do not"],
    [
      [architectureOf(catalog["t5-small"].config), { kind: "prefix-layer", length: 2 }],
      "virtual tokens need a model with one list of blocks, found",
    ],
  ];
  for (const [of, message] of wrong) assertThrows(() => countModules(...of), RangeError, message);
});
