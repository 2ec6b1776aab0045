import { assert, assertEquals, assertMatch } from "@std/assert";
import { catalog } from "../../src/architectures/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../support/folders.ts";
import { debertas, saveRandomDeberta } from "../support/random_deberta.ts";
import { lowrank, lowrankJson } from "./lowrank.ts";

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
