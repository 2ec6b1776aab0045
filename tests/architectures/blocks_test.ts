import { assertEquals, assertThrows } from "@std/assert";
import { architectureOf, catalog, topBlocks } from "../../src/architectures/mod.ts";

const layersOf = (name: string) => architectureOf(catalog[name].config).layers;

const tops: readonly [model: string, blocks: string[]][] = [
  ["gpt2-medium", ["transformer.h.22", "transformer.h.23"]],
  ["gpt3-175b", ["transformer.h.94", "transformer.h.95"]],
  ["roberta-large", ["roberta.encoder.layer.22", "roberta.encoder.layer.23"]],
  ["deberta-v2-xxlarge", ["encoder.layer.46", "encoder.layer.47"]],
  ["llama-3.2-3b", ["model.layers.26", "model.layers.27"]],
];

for (const [model, blocks] of tops) {
  Deno.test(`the top two blocks of ${model} are ${blocks.join(" and ")}`, () => {
    assertEquals(topBlocks(layersOf(model), 2), blocks);
  });
}

Deno.test("numbers are compared as numbers, and those of experts are none of blocks", () => {
  const names = ["h.9.a", "h.10.a", "h.10.experts.11.w", "h.2.a", "head"];
  assertEquals(topBlocks(names.map((name) => ({ name })), 2), ["h.9", "h.10"]);
});

Deno.test("two lists of blocks, none, or fewer are refused by name", () => {
  const two = () => topBlocks(layersOf("t5-base"), 2);
  assertThrows(two, RangeError, "one list of blocks, found encoder.block and decoder.block");
  assertThrows(
    () => topBlocks([{ name: "linear" }], 1),
    RangeError,
    "one list of blocks, found none",
  );
  for (const count of [0, 13, 1.5, NaN]) {
    const rule = `from 1 to the model's 12 blocks, found ${count}`;
    assertThrows(() => topBlocks(layersOf("gpt2"), count), RangeError, rule);
  }
});
