import { assertEquals, assertStringIncludes } from "@std/assert";
import { type AdapterRecord, writeAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../support/folders.ts";
import { matrix } from "./adapter_folders.ts";

const updates = [{ module: "h.0.c_attn", A: matrix(2, 3), B: matrix(4, 2), scaling: 2 }];

/** The card that is written with an adapter. */
async function cardOf(folder: string, record: Omit<AdapterRecord, "updates">): Promise<string> {
  await writeAdapter(folder, { updates, ...record });
  return await Deno.readTextFile(`${folder}/README.md`);
}

Deno.test("a card says how prompts are written", () =>
  withFolder(async (folder) => {
    const template = "Q: {prompt}\n```\nA:";
    const promptFormat = { template, endOfTextFirst: true, separator: " " };
    const card = await cardOf(folder, { promptFormat, baseModelName: "a" });
    for (
      const part of [
        "\nAn addition to a language model: for each weight",
        "\n- Prompts: as in training, the end-of-text token, then `\"Q: {prompt}\\n'''\\nA:\"` without",
        '\ntext = "Q: {prompt}\\n```\\nA:".replace(',
        "\nids = [tokenizer.eos_token_id] + tokenizer(text, add_special_tokens=False).input_ids\n",
        '.removeprefix(" "))\n```\n',
      ]
    ) assertStringIncludes(card, part);
    const plain = await cardOf(folder, {
      promptFormat: { template: "{prompt}", endOfTextFirst: false, separator: "" },
    });
    assertStringIncludes(
      plain,
      '\n- Prompts: as in training, `"{prompt}"` without further special',
    );
    assertStringIncludes(plain, "\nids = tokenizer(text, add_special_tokens=False).input_ids\n");
    assertEquals(plain.includes("removeprefix"), false);
  }));

Deno.test("a classifier's card says its labels, counts its head and loads it", () =>
  withFolder(async (folder) => {
    const head = { saved: new Map([["score.weight", matrix(3, 5)]]), taskType: "SEQ_CLS" };
    const card = await cardOf(folder, { ...head, labels: ["no", 'a "b"', "yes"] });
    for (
      const part of [
        "\nA classifier of texts, as an addition to a base model: for each weight",
        '\n- Parameters: 29\n- Labels: `"no"`, `"a \\"b\\""`, `"yes"`\n',
        "\n- Trained in full, and in the file: `score`\n",
        'id2label = "the base model", {0: "no", 1: "a \\"b\\"", 2: "yes"}\n',
        "\n    num_labels=3,\n",
        'readAdapter("this folder", { updatesOnly: true });',
      ]
    ) assertStringIncludes(card, part);
  }));

Deno.test("a frozen copy of a table is not counted, a trained one is", () =>
  withFolder(async (folder) => {
    const saved = new Map([["lm_head.weight", matrix(3, 5)]]);
    assertStringIncludes(await cardOf(folder, { saved }), "\n- Parameters: 14\n\n```python");
    const full = await cardOf(folder, { saved, savedModules: ["lm_head"] });
    assertStringIncludes(full, "\n- Parameters: 29\n- Trained in full, and in the file: `lm_head`");
  }));
