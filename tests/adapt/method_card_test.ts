/** The card of an adapter of every method. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";
import { applyMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { assertEveryMethod } from "../methods/every_method.ts";
import "../support/open_lapack.ts";
import { golden, tinyModel, withFolder } from "./fixtures.ts";

/** Title and tag of a card, its library, and the library that its lines of Python import. */
interface Expected {
  readonly title: string;
  readonly tag: string;
  readonly library?: string;
  readonly python?: "peft" | "adapters";
  /** The lines of its settings. */
  readonly settings?: string;
}

const peft = { library: "peft", python: "peft" } as const;

const tokens = "- Virtual tokens: 2\n";

const cards: readonly (readonly [MethodSpec, Expected])[] = [
  [{ kind: "bitfit" }, { title: "BitFit adapter", tag: "bitfit" }],
  [{ kind: "top-layers", layers: 1 }, {
    title: "Top layers",
    tag: "top-layers",
    settings: "- Blocks: 1\n",
  }],
  [{ kind: "vera", rank: 4 }, {
    ...{ title: "VeRA adapter", tag: "vera", ...peft },
    settings: "- Weights that it changes: 2, `transformer.h.0…1.attn.c_attn`\n- Rank: 4\n",
  }],
  [{ kind: "ia3" }, {
    ...{ title: "(IA)³ adapter", tag: "ia3", ...peft },
    settings: "- Layers that it scales: 4, `transformer.h.0…1.attn.c_attn, " +
      "transformer.h.0…1.mlp.c_proj`\n- By their inputs: 2, `transformer.h.0…1.mlp.c_proj`\n",
  }],
  [{ kind: "tinylora", vectorSize: 3 }, {
    ...{ title: "TinyLoRA adapter", tag: "tinylora", ...peft },
    settings: "- Weights that it changes: 2, `transformer.h.0…1.attn.c_attn`\n- Rank: 2\n" +
      "- Values of a vector: 3\n",
  }],
  [{ kind: "subspace", dimension: 5, targetModules: ["c_fc"] }, {
    ...{ title: "Random subspace adapter", tag: "random-subspace" },
    settings: "- Dimension: 5\n- Seed of the random matrix: 1\n" +
      "- Weights that it changes: 2, `transformer.h.0…1.mlp.c_fc`\n",
  }],
  [{ kind: "bottleneck", size: 2 }, {
    ...{ title: "Bottleneck adapter", tag: "adapter-transformers", python: "adapters" },
  }],
  [{ kind: "prefix-embedding", length: 2 }, {
    ...{ title: "Prompt tuning adapter", tag: "prompt-tuning", ...peft, settings: tokens },
  }],
  [{ kind: "prefix-tuning", length: 2 }, {
    ...{ title: "Prefix tuning adapter", tag: "prefix-tuning", ...peft, settings: tokens },
  }],
  [{ kind: "prefix-layer", length: 2 }, {
    ...{ title: "Prefix-layer adapter", tag: "prefix-layer", settings: tokens },
  }],
  [{ kind: "lora+prefix-embedding", rank: 1, length: 2 }, {
    ...{ title: "LoRA with a prefix of embeddings", tag: "lora" },
  }],
  [{ kind: "lora+prefix-layer", rank: 1, length: 2 }, {
    ...{ title: "LoRA with a prefix in every layer", tag: "lora" },
  }],
];

Deno.test("the card of every method is read, but for LoRA's, which tests/formats has", () => {
  const table = "`cards` of tests/adapt/method_card_test.ts";
  assertEveryMethod(table, cards.map(([{ kind }]) => kind), ["full", "lora"]);
});

for (const [spec, { title, tag, library, python, settings = "" }] of cards) {
  Deno.test(`${spec.kind}: a card says what it is, how large, and how to load it`, () =>
    withFolder(async (folder) => {
      using device = new ReferenceDevice();
      using model = tinyModel(device);
      using adapter = await applyMethod(model, spec, 1);
      const promptFormat = { template: "Q: {prompt}", endOfTextFirst: true, separator: " " };
      Object.assign(adapter!, { promptFormat });
      await adapter!.save(folder, { baseModelName: 'a "base"' });
      const card = await Deno.readTextFile(`${folder}/README.md`);
      const head = library ? `library_name: ${library}\n` : "";
      const start = `---\nbase_model: "a \\"base\\""\n${head}tags:\n  - ${tag}\n---\n\n`;
      assertEquals(card.slice(0, start.length), start);
      const trained = adapter!.parameters.reduce((sum, { size }) => sum + size, 0);
      for (
        const part of [
          `\n\n# ${title}\n\n`,
          `\n\n- Base model: \`a "base"\`\n${settings}- Parameters: ${
            trained.toLocaleString("en")
          }\n`,
          '\n- Prompts: as in training, the end-of-text token, then `"Q: {prompt}"` without',
          'loadModel(device, "a \\"base\\"");\n',
          'loadAnyAdapter(model, "this folder");\n```\n',
        ]
      ) assertStringIncludes(card, part);
      const [, lines] = /```python\n(.*?)```/s.exec(card) ?? [];
      assertEquals(lines === undefined, python === undefined);
      if (python) assert(new RegExp(`^(from|import) ${python}\\b`, "m").test(lines!), lines);
      const isVirtual = lines?.includes("use_cache=False") ?? false;
      assertEquals(isVirtual, python === "peft" && spec.kind.startsWith("prefix"));
    }));
}

Deno.test("a classifier's card names its labels and what was trained in full", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("families/bert_classifier"));
    for (const kind of ["vera", "prefix-tuning"] as const) {
      const own = kind === "vera" ? { rank: 2 } : { length: 2 };
      const spec = { kind, ...own, modulesToSave: ["classifier"] } as MethodSpec;
      using adapter = await applyMethod(model, spec, 1);
      await adapter!.save(folder);
      const card = await Deno.readTextFile(`${folder}/README.md`);
      assertStringIncludes(card, "\n- Labels: `");
      assertStringIncludes(card, "\n- Trained in full, and in the file: `classifier`");
      assertStringIncludes(card, ", { labels: [");
      // PEFT does not load prefix tuning of a classifier.
      assertEquals(card.includes("num_labels="), kind === "vera");
    }
  }));
