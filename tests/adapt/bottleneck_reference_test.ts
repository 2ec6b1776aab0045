import { assertEquals } from "@std/assert";
import { type BottleneckOptions, injectBottleneck } from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";
import { golden } from "../support/golden.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { disturb, logitsOf, tokens, withFolder } from "./fixtures.ts";

// `scripts/golden/adapterhub/requirements.txt` names them; the other reference tests need newer ones.
const ignore = !await pythonHas("torch", "transformers", "adapters");

/** Heads are of classifiers where the library's transformers has another head for masked language models. */
const bases = [
  ...["gpt2_tiny", "families/bert_masked", "families/roberta_masked", "families/llama"],
  ...["families/mistral", "families/qwen2", "families/deberta_v2_classifier"],
];

const forms: Readonly<Record<string, BottleneckOptions>> = {
  houlsby: { variant: "houlsby", size: 3 },
  lin: { variant: "lin", size: 3 },
  pfeiffer: { variant: "pfeiffer", size: 3 },
  drop: { variant: "drop", size: 3, leaveOut: [0] },
  "houlsby of width 7 with gelu": { size: 7, nonLinearity: "gelu", leaveOut: [1] },
  "pfeiffer of width 11 with tanh": { variant: "pfeiffer", size: 11, nonLinearity: "tanh" },
};

async function saved(folder: string, base: string, name: string, options: BottleneckOptions) {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden(base));
  const isClassifier = base.endsWith("classifier");
  using adapter = injectBottleneck(model, {
    ...options,
    ...(isClassifier && { modulesToSave: ["classifier"] }),
  });
  await disturb(adapter);
  await adapter.save(folder);
  const [rows, length] = tokens.shape, ids = Array.from(tokens.data);
  return {
    name: `${name} on ${base}`,
    model: golden(base),
    adapter: folder,
    ids: Array.from({ length: rows }, (_, i) => ids.slice(i * length, (i + 1) * length)),
    logits: Array.from(await logitsOf(model)),
  };
}

Deno.test({
  name: "the adapters library loads bottlenecks of ours and gives the same logits to 5e-5",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const cases: Awaited<ReturnType<typeof saved>>[] = [];
      for (const base of bases) {
        for (const [name, options] of Object.entries(forms)) {
          cases.push(await saved(`${folder}/${cases.length}`, base, name, options));
        }
      }
      await Deno.writeTextFile(`${folder}/cases.json`, JSON.stringify(cases));
      const { code, text } = await runPython("scripts/golden/adapterhub/check.py", [
        `${folder}/cases.json`,
      ]);
      assertEquals(code, 0, text);
    }),
});
