/** The table of methods: one value for each kind, with the same kind on models. */

import { assert, assertEquals } from "@std/assert";
import { methodsTable, withTable } from "../../scripts/site/methods_table.ts";
import { adapting, methodNamedBy } from "../../src/adapt/methods.ts";
import { methodKinds, methodOfConfig, methods } from "../../src/methods/mod.ts";
import type { MethodOption } from "../../src/methods/option.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

Deno.test("every method is in both tables, under its own kind", () => {
  assertEquals(Object.keys(adapting), [...methodKinds]);
  assertEquals(Object.values(methods).map(({ kind }) => kind), [...methodKinds]);
});

Deno.test("a configuration names a method by its kind, by PEFT's word, or in the hub's form", () => {
  const named = methodKinds.map((kind) => methodOfConfig({ method: kind })?.kind);
  assertEquals(named, [...methodKinds]);
  const peftTypes = Object.values(methods).flatMap(({ peftType }) => peftType ?? []);
  assertEquals(peftTypes, ["VERA", "IA3", "TINYLORA", "PROMPT_TUNING", "PREFIX_TUNING"]);
  const ofPeft = ["vera", "ia3", "tinylora", "prefix-embedding", "prefix-tuning"];
  assertEquals(peftTypes.map((peft_type) => methodNamedBy({ peft_type })), ofPeft);
  assertEquals(methodNamedBy({ config: {}, name: "mine" }), "bottleneck");
  const others = [{ peft_type: "LORA" }, {}, { peft_type: "toString" }].map(methodNamedBy);
  assertEquals(others, [undefined, undefined, "toString"]);
  assertEquals([{ method: null }, { method: "adalora", peft_type: "VERA" }].map(methodNamedBy), [
    null,
    "adalora",
  ]);
});

Deno.test("a flag means the same to every method that takes it", () => {
  const options = Object.values(methods)
    .flatMap((method) => Object.entries<MethodOption>(method.options))
    .filter(([, { flag }]) => flag);
  const meanings = Map.groupBy(options, ([name]) => name);
  const different = [...meanings].filter(([, [[, first], ...others]]) =>
    others.some(([, other]) => other !== first)
  );
  const rule =
    "an option with a flag is one value of src/methods/option.ts for all methods: what only one " +
    "method asks of it is checked in a function that its count and its injector share";
  assertEquals(different.map(([name]) => name), [], rule);
  // A text is read, or is one of some; a switch has none.
  const forms = options.map((
    [, { reads, choices, flag }],
  ) => [reads, choices, !flag!.includes("<")]);
  assertEquals(forms.filter((ways) => ways.filter(Boolean).length !== 1), []);
});

Deno.test("the guide's table of methods is what their values do on a small model", async () => {
  const guide = sourceText("docs/command_line.md"), table = await methodsTable();
  const isIn = guide.includes(`\n\n${table}\n`);
  assert(
    isIn,
    "docs/command_line.md has another table of methods: deno task docs:picture writes it",
  );
  assertEquals(withTable(guide.replace("PEFT loads it", "PEFT may"), table), guide);
});
