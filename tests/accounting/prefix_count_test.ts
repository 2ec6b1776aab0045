import { assertEquals } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { countTrainable } from "../../src/models/mod.ts";
import { methods, openFamily, pairs } from "../adapt/prefix/prefixes.ts";

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
