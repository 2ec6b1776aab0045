/** Inputs too large to keep as files: made here, and dealt with in the CPU time that any input may take. */

import { assertEquals, assertMatch } from "@std/assert";
import { mostBlocks } from "../../src/core/limits.ts";
import { judge } from "./judge.ts";
import type { Files, Kind } from "./kind.ts";
import { adapterConfigs, adapterFolders, patternsOfModules } from "./kinds/adapters.ts";
import { modelConfigs } from "./kinds/models.ts";
import { headers, shardIndexes } from "./kinds/safetensors.ts";
import { tokenizers } from "./kinds/tokenizers.ts";
import { batches, cases } from "./kinds/training.ts";
import { concatenate } from "./mutations.ts";
import { safetensors } from "./tensors.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const brackets = bytes("[".repeat(10 ** 7) + "]".repeat(10 ** 7));
const braces = bytes('{"a":'.repeat(4 * 10 ** 6));
const longName = "n".repeat(10 ** 6);

/** A safetensors file with any text as its header. */
function fileWithHeader(header: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  return concatenate(start, header);
}

const index = (entries: object) => bytes(JSON.stringify({ weight_map: entries }));
const numbered = (count: number, value: (i: number) => string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`w.${i}`, value(i)]));

/** An adapter of modules with long names, and patterns that are tried on each of them. */
function longNames(part: string): Files {
  const ends = numbered(2000, (i) => `z${i}.*`);
  const patterns = Object.fromEntries(Object.values(ends).map((pattern) => [pattern, 2]));
  const names = Array.from({ length: 1000 }, (_, i) => part.repeat(950 / part.length) + i);
  const tensors = names.flatMap((name) =>
    ["A", "B"].map((factor) => ({
      name: `base_model.model.${name}.lora_${factor}.weight`,
      shape: [1, 1],
      values: [1],
    }))
  );
  const config = { peft_type: "LORA", r: 1, target_modules: "all-linear", alpha_pattern: patterns };
  return {
    "adapter_config.json": bytes(JSON.stringify(config)),
    "adapter_model.safetensors": safetensors(tensors),
  };
}

const inputs: [what: string, kind: Kind, files: Files][] = [
  ["20 MB of brackets", modelConfigs, { "config.json": brackets }],
  ["20 MB of brackets", adapterConfigs, { "adapter_config.json": brackets }],
  ["20 MB of brackets", headers, { "model.safetensors": fileWithHeader(brackets) }],
  ["20 MB of brackets", tokenizers, { "tokenizer.json": brackets }],
  ["20 MB of brackets", batches, { "batches.json": brackets }],
  ["20 MB of open braces", cases, { "cases.json": braces }],
  ["20 MB of open braces", headers, { "model.safetensors": fileWithHeader(braces) }],
  ["an index of 100,000 shards", shardIndexes, {
    "model.safetensors.index.json": index(numbered(100_000, (i) => `model-${i}.safetensors`)),
  }],
  ["a name of 1 MB", headers, {
    "model.safetensors": safetensors([{ name: longName, shape: [1] }]).slice(0, -1),
  }],
  ["a name of 1 MB", adapterFolders, {
    "adapter_config.json": bytes('{"peft_type":"LORA"}'),
    "adapter_model.safetensors": safetensors([{ name: longName, shape: [1] }]),
  }],
  ["a pattern of 1 MB", patternsOfModules, {
    "adapter_config.json": bytes(JSON.stringify({ target_modules: "(a|b)*".repeat(160_000) })),
    "module": bytes("ab".repeat(100)),
  }],
  ["2,000 patterns for 1,000 long names", adapterFolders, longNames("a")],
  ["2,000 patterns for 1,000 names of many parts", adapterFolders, longNames("a.")],
];

for (const [what, kind, files] of inputs) {
  Deno.test(`${what} among ${kind.name} is refused in a sentence and a second`, async () => {
    const { refusal } = await judge(kind, files);
    assertMatch(String(refusal), /found|must|may|cannot/);
  });
}

Deno.test("a configuration of as many layers as may be is counted in a second", async () => {
  const sizes = { d_model: 8, d_kv: 4, d_ff: 8, num_heads: 2, vocab_size: 9 };
  const config = { model_type: "t5", ...sizes, num_layers: mostBlocks };
  const files = { "config.json": bytes(JSON.stringify(config)) };
  assertEquals((await judge(modelConfigs, files)).refusal, undefined);
});
