import { assertEquals, assertStringIncludes } from "@std/assert";
import { type AdapterRecord, writeAdapter } from "../../src/formats/mod.ts";
import { lowrankJson } from "../cli/lowrank.ts";
import { withFolder } from "../support/folders.ts";
import { pythonHas, runPython } from "../support/python.ts";
import { matrix } from "./adapter_folders.ts";

const updates = [{ module: "h.0.c_attn", A: matrix(2, 3), B: matrix(4, 2), scaling: 2 }];

/** The card that is written with an adapter. */
async function cardOf(folder: string, record: Omit<AdapterRecord, "updates">): Promise<string> {
  await writeAdapter(folder, { updates, ...record });
  return await Deno.readTextFile(`${folder}/README.md`);
}

/** The Python lines of a card, for its own folder. */
const pythonIn = (card: string, folder: string): string =>
  card.split("```python\n")[1].split("```")[0].replace('"this folder"', JSON.stringify(folder));

Deno.test("a card says how prompts are written", () =>
  withFolder(async (folder) => {
    const template = "Q: {prompt}\n```\nA:";
    const promptFormat = { template, endOfTextFirst: true, separator: " " };
    const card = await cardOf(folder, { promptFormat, baseModelName: "a" });
    for (
      const part of [
        "\nAn addition to a language model: for each weight",
        '\n- Prompts: as in training, the end-of-text token, then `"Q: {prompt}\\n\\nA:"` without',
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

const kinds = {
  "a prompt": { model: "models/tiny-gpt2", data: "examples/alarms.jsonl" },
  "a text for a language model's classifier": {
    ...{ model: "models/tiny-gpt2", data: "examples/kinds.jsonl" },
  },
  "a text for an encoder's classifier": {
    ...{ model: "models/tiny-roberta", data: "examples/kinds.jsonl" },
  },
};

for (const [what, { model, data }] of Object.entries(kinds)) {
  Deno.test({
    name: `the Python lines of a card answer ${what} as we do`,
    ignore: !await pythonHas("torch", "transformers", "peft"),
    fn: () =>
      withFolder(async (folder) => {
        const adapter = `${folder}/out`, text = "disk error, 100:", row = `${folder}/row.jsonl`;
        const given = ["--model", model, "--adapter", adapter];
        const train = ["--data", data, "--steps", "80", "--output", adapter];
        await lowrankJson("train", "--model", model, ...train);
        const lines = pythonIn(await Deno.readTextFile(`${adapter}/README.md`), adapter);
        await Deno.writeTextFile(`${folder}/card.py`, lines.replace(/your (prompt|text)/, text));
        const { code, text: said } = await runPython(`${folder}/card.py`, []);
        assertEquals(code, 0, said);
        const answer = said.split("\n")[0];
        if (what === "a prompt") {
          const made = await lowrankJson("generate", ...given, "--prompt", text);
          assertEquals(answer, made.text);
          return;
        }
        await Deno.writeTextFile(row, JSON.stringify({ text, label: answer }));
        assertEquals((await lowrankJson("evaluate", ...given, "--data", row)).accuracy, 1);
      }),
  });
}
