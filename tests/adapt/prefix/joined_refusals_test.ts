/** LoRA joined with virtual tokens: what is refused, in one sentence that names the folder once. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLoraPrefix, loadAnyAdapter } from "../../../src/adapt/mod.ts";
import { AdapterFileError } from "../../../src/core/errors.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { withFolder } from "../fixtures.ts";
import { openFamily } from "./prefixes.ts";

const prefix = "prefix-layer", options = { prefix, length: 2, rank: 1, sites: ["q"] } as const;

Deno.test("a prefix of another kind is refused, and nothing stays allocated", async () => {
  using device = new ReferenceDevice();
  using model = await openFamily(device, "gpt2_tiny");
  const { live } = device.ledger.read();
  const wrong: [object, string][] = [
    [{ prefix: "prefix-tuning" }, "prefix must be one of prefix-embedding, prefix-layer, found"],
    [{ length: 32 }, "prefix-layer needs a length of 1 to 31 virtual tokens"],
  ];
  for (const [change, message] of wrong) {
    assertThrows(() => injectLoraPrefix(model, { ...options, ...change }), RangeError, message);
  }
  assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
});

Deno.test("a folder whose parts are broken or others is refused by its name", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await openFamily(device, "gpt2_tiny");
    {
      using adapter = injectLoraPrefix(model, options);
      await adapter.save(folder);
    }
    const configs = ["adapter_config.json", "lora_config.json", "prefix_config.json"];
    const right = await Promise.all(
      configs.map((name) => Deno.readTextFile(`${folder}/${name}`)),
    );
    const [own, lora, virtual] = right;
    const broken: [files: readonly string[], reason: string][] = [
      [[own, lora, own], 'a part must be LoRA or virtual tokens, found "lora+prefix-layer"'],
      [[own, lora, lora], "base_model.model."],
      [[own.replace("layer", "embedding"), lora, virtual], "the folder must have the parts of"],
      [[own, lora, virtual.replace("2", "3")], "prompt_embeddings must be [3, "],
      [[own, lora.replace('"r": 1', '"r": 2'), virtual], "must"],
    ];
    const { live } = device.ledger.read();
    for (const [files, reason] of broken) {
      await Promise.all(
        files.map((text, i) => Deno.writeTextFile(`${folder}/${configs[i]}`, text)),
      );
      const { message } = await assertRejects(
        () => loadAnyAdapter(model, folder),
        AdapterFileError,
        `cannot use the adapter in ${folder}: `,
      );
      assertEquals(message.split("the adapter in ").length, 2, message);
      assertEquals(message.includes(reason), true, message);
      assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
    }
  }));
