import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { injectLora, loadAdapter } from "../../src/adapt/mod.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel, outputsOf } from "../../src/models/mod.ts";
import { savedAdapter } from "../adapt/saved_adapter.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { debertas, saveRandomDeberta } from "../support/random_deberta.ts";
import { lowrank, lowrankJson } from "./lowrank.ts";

const tokens = Uint32Array.of(3, 14, 15, 9);

const rows = ["ship", "sailor", "whale", "army", "general", "enemy"].map((name, i) =>
  JSON.stringify({ text: `The ${name} came`, label: i < 3 ? "sea" : "war" })
);

for (const [model_type, fields] of Object.entries(debertas)) {
  Deno.test(`texts with labels train a ${model_type}, whose new pooler is saved too`, () =>
    withFolder(async (folder) => {
      const model = `${folder}/base`, data = `${folder}/mine.jsonl`, output = `${folder}/out`;
      await saveRandomDeberta(model, { model_type, ...fields });
      await Deno.writeTextFile(data, rows.join("\n"));
      const steps = ["--steps", "8", "--validation", "0", "--rank", "2", "--learning-rate", "1e-2"];
      await lowrankJson("train", "--model", model, "--data", data, ...steps, "--output", output);
      const { updates, saved } = await readAdapter(output, { withSaved: true });
      assertEquals(
        updates.map(({ role }) => role),
        model_type === "deberta"
          ? ["q", "v", "q", "v"]
          : [undefined, undefined, undefined, undefined],
      );
      assertEquals([...saved.keys()].sort(), [
        ...["classifier.bias", "classifier.weight", "pooler.dense.bias", "pooler.dense.weight"],
      ]);
      const given = ["--model", model, "--adapter", output, "--data", data];
      const { loss } = await lowrankJson("evaluate", ...given);
      assert(loss < Math.log(2) - 0.01, `${loss}`);
      const { stdout, code } = await lowrank("inspect", output, "--base", model);
      assertEquals(code, 0);
      assertMatch(stdout, model_type === "deberta" ? /in_proj:q/ : /query_proj/);
    }));
}

Deno.test("the memory of DeBERTa XXL, 1.5 billion parameters, is counted by a dry run", async () => {
  const step = ["--rank", "16", "--batch", "4", "--length", "128"];
  const { byRole } = await lowrankJson("memory", "--model", "deberta-v2-xxlarge", ...step);
  const config = catalog["deberta-v2-xxlarge"].config as Record<string, number>;
  const sites = 2 * config.num_hidden_layers * 16 * 2 * config.hidden_size;
  assertEquals(byRole.adapter, 4 * sites);
  assert(byRole.weight > 6e9);
});

Deno.test("the sites of a DeBERTa's in_proj, several ranges of rows each, are merged in files", () =>
  withFolder(async (folder) => {
    const base = golden("families/deberta_classifier"), adapter = `${folder}/adapter`;
    const output = `${folder}/merged`, inputs = { tokens: hostTensor([1, 4], tokens) };
    await savedAdapter(base, adapter, { rank: 3, alpha: 6 });
    const joined = ["--model", base, "--adapter", adapter, "--output", output];
    assertEquals((await lowrank("merge", ...joined)).code, 0);
    using device = new ReferenceDevice();
    using model = await loadModel(device, base), merged = await loadModel(device, output);
    const plain = await outputsOf(model, inputs);
    using _ = await loadAdapter(model, adapter);
    const adapted = await outputsOf(model, inputs), found = await outputsOf(merged, inputs);
    assertAllClose(found.data, adapted.data, { absolute: 1e-5, relative: 0 });
    assert(adapted.data.some((value, i) => Math.abs(value - plain.data[i]) > 0.01));
  }));

Deno.test("DeBERTa's table of distances, whose weight PEFT's layer does not reach, is no target", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("families/deberta_classifier"));
  const inject = (targetModules: string | string[]) =>
    injectLora(model, { rank: 1, targetModules });
  assertThrows(() => inject(["rel_embeddings"]), RangeError, 'found "rel_embeddings"');
  using adapter = inject(".*_embeddings");
  assertEquals(adapter.sites.map(({ name }) => name), [
    ...["word", "position", "token_type"].map((kind) => `deberta.embeddings.${kind}_embeddings`),
  ]);
});
