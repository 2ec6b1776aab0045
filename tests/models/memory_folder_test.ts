/** A model, an adapter and a tokenizer from files in memory, as a page that was given them has. */

import { assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { injectLora, loadAdapter, loadModel, loadTokenizer, openDevice } from "../../mod.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { root } from "../../scripts/support/source_files.ts";

/** A folder's files. */
async function filesOf(folder: string): Promise<File[]> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return await Promise.all(
    names.map(async (name) => new File([await Deno.readFile(`${folder}/${name}`)], name)),
  );
}

Deno.test("a model and its adapter are the same from the disk and from memory", () =>
  withFolder(async (folder) => {
    using device = await openDevice({ kind: "reference" });
    using model = await loadModel(device, golden("gpt2_tiny"));
    using copy = await loadModel(device, await filesOf(golden("gpt2_tiny")));
    const read = (of: typeof model) =>
      device.read(...[...of.parameters.values()].map(({ tensor }) => tensor));
    assertEquals(await read(copy), await read(model));
    using adapter = injectLora(model, { rank: 2, alpha: 4, sites: ["q"], seed: 1 });
    await adapter.save(folder);
    using loaded = await loadAdapter(copy, await filesOf(folder));
    assertEquals(loaded.parameterCount, adapter.parameterCount);
    await assertRejects(
      () => loadAdapter(copy, [], { onTop: true }),
      Error,
      "cannot read the adapter in memory: ",
    );
  }));

Deno.test("a sharded model in memory reads as one file", async () => {
  const files = await filesOf(golden("gpt2_tiny"));
  const weights = files.find(({ name }) => name === "model.safetensors")!;
  using whole = await openSafetensors(files);
  const weight_map = Object.fromEntries(
    [...whole.tensors.keys()].map((name) => [name, "a.safetensors"]),
  );
  using sharded = await openSafetensors([
    new File([JSON.stringify({ weight_map })], "model.safetensors.index.json"),
    new File([weights], "a.safetensors"),
  ]);
  const [name] = whole.tensors.keys();
  assertEquals(await sharded.read(name), await whole.read(name));
});

Deno.test("a tokenizer is read from memory", async () => {
  const tokenizer = await loadTokenizer(
    await filesOf(fileURLToPath(new URL("models/tiny-gpt2", root))),
  );
  assertEquals(tokenizer.decode(tokenizer.encode("We the people")), "We the people");
});
