import { assert, assertEquals, assertMatch } from "@std/assert";
import { catalog } from "../../src/architectures/mod.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { allocateModel, saveModel } from "../../src/models/mod.ts";
import { withFolder } from "../support/folders.ts";
import { lowrank, lowrankJson } from "./lowrank.ts";

const shared = {
  ...{ vocab_size: 1024, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ intermediate_size: 24, max_position_embeddings: 64, relative_attention: true },
  ...{ position_biased_input: false, pos_att_type: "c2p|p2c" },
};
const models = {
  deberta: { architectures: ["DebertaForMaskedLM"] },
  "deberta-v2": {
    ...{ architectures: ["DebertaV2ForMaskedLM"], conv_kernel_size: 3, conv_act: "gelu" },
    ...{ share_att_key: true, norm_rel_ebd: "layer_norm", position_buckets: 8 },
  },
};

/** A folder with a random model and the tokenizer of `models/tiny-gpt2`. */
async function saveRandom(folder: string, fields: object): Promise<void> {
  using device = new ReferenceDevice();
  using model = allocateModel(device, { ...shared, ...fields });
  const random = new Random(1);
  for (const { tensor, size, name } of model.parameters.values()) {
    const center = name.endsWith("LayerNorm.weight") ? 1 : 0;
    const values = Float32Array.from({ length: size }, () => center + random.normal() / 5);
    device.write(tensor, values);
  }
  await saveModel(model, folder);
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(`models/tiny-gpt2/${file}`, `${folder}/${file}`);
  }
}

const rows = ["ship", "sailor", "whale", "army", "general", "enemy"].map((name, i) =>
  JSON.stringify({ text: `The ${name} came`, label: i < 3 ? "sea" : "war" })
);

for (const [model_type, fields] of Object.entries(models)) {
  Deno.test(`texts with labels train a ${model_type}, whose new pooler is saved too`, () =>
    withFolder(async (folder) => {
      const model = `${folder}/base`, data = `${folder}/mine.jsonl`, output = `${folder}/out`;
      await saveRandom(model, { model_type, ...fields });
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
