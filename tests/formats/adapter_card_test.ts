/** Cards of adapters: what they say, and that what comes from a file is code in one line, and never Markdown. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { renderGuide } from "../../scripts/site/markdown.ts";
import { methodCard } from "../../src/adapt/save.ts";
import { adapterCard } from "../../src/formats/peft/card.ts";
import { type AdapterRecord, writeAdapter } from "../../src/formats/mod.ts";
import { lowrank } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { parsePlainYaml } from "../support/plain_yaml.ts";
import { goodConfig, matrix, writeRawAdapter } from "./adapter_folders.ts";

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
    assertStringIncludes(plain, '\ntext = "your prompt"\n');
  }));

Deno.test("a card says which sites it changes, with what rank, alpha and scaling", () =>
  withFolder(async (folder) => {
    const one = await cardOf(folder, {});
    const rank2 =
      "\n- Sites that it changes: 1, `h.0.c_attn`\n- Their updates: rank 2, alpha 4, scaling 2 (alpha / rank)\n";
    assertStringIncludes(one, rank2);
    const several = [1, 2, 3, 4, 5].map((rank, i) => ({
      ...{ module: `h.${i}.c_attn`, A: matrix(rank, 3), B: matrix(4, rank), scaling: 1 / rank },
    }));
    await writeAdapter(folder, { updates: several });
    assertStringIncludes(
      await Deno.readTextFile(`${folder}/README.md`),
      "\n- Sites that it changes: 5, `h.0…4.c_attn`\n" +
        "- Their updates: ranks from 1 to 5, alpha 1, scalings from 0.2 to 1 (alpha / rank)\n",
    );
  }));

Deno.test("cards of other methods have the settings that their configurations have", () => {
  const cardWith = (config: Parameters<typeof methodCard>[0]) =>
    methodCard(config, { trained: 9, full: [] });
  const targets = ["h.0.c_attn", "h.1.c_attn"];
  assertStringIncludes(
    cardWith({ peft_type: "VERA", r: 256, target_modules: targets }),
    "\n- Weights that it changes: 2, `h.0…1.c_attn`\n- Rank: 256\n- Parameters: 9\n",
  );
  assertStringIncludes(cardWith({ method: "top-layers", layers: 2 }), "\n- Blocks: 2\n");
  const prefix = { peft_type: "PREFIX_TUNING", num_virtual_tokens: 16 };
  assertStringIncludes(cardWith(prefix), "\n- Virtual tokens: 16\n");
  const odd = cardWith({ peft_type: "VERA", r: "8", target_modules: "c_.*" });
  assertStringIncludes(odd, "\n- Base model: not recorded\n- Parameters: 9\n");
});

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

const hostile = [
  "a\n\n# Heading\n\n<img src=x onerror=alert(1)>\n\n[link](javascript:alert(1))\n",
  "a\r\n\r\n<script>alert(1)</script>\r\n\r\n- item",
  "a\n---\nbase_model: another\n---\n",
  "a: b # c",
  "a`<b>`<img src=x>",
  "```\n\n<img src=x>",
  "``",
  "\u2028<b>\u0085\u202e\x9b",
  "<!-- written by Lowrank -->",
];

/** The card of a LoRA adapter whose names are all the same. */
function loraCard(name: string, labels?: readonly string[]): string {
  const module = name.replaceAll(".", "");
  const updates = [0, 2].map((start) => {
    const rows = { start, count: 2 };
    return { module, rows, outputs: 4, A: matrix(1, 3), B: matrix(2, 1), scaling: 2 };
  });
  const joined = [{ module, A: matrix(2, 3), B: matrix(4, 2), scaling: 2 }];
  const saved = new Map([[`${module}.weight`, matrix(3, 5)]]);
  return adapterCard({ updates, saved, baseModelName: name, labels, ...format(name) }, joined);
}

const format = (name: string) => ({
  promptFormat: { template: `${name}{prompt}`, endOfTextFirst: false, separator: name },
});

/** A card of another method, which names as many. */
const otherCard = (name: string, labels?: readonly string[]): string =>
  methodCard(
    { method: name, peft_type: "VERA", task_type: name },
    { ...{ baseModelName: name, trained: 9, labels, full: [name] }, ...format(name) },
  );

/** A card's page without its code. */
const pageOf = (card: string): string =>
  renderGuide("card.md", card).html.replaceAll(/(<code[^>]*>).*?<\/code>/gs, "$1</code>");

const headOf = (card: string): unknown =>
  parsePlainYaml(/^---\n(.*?)\n---\n\n<!-- written by Lowrank -->\n/s.exec(card)![1]);

for (const [kind, card] of Object.entries({ LoRA: loraCard, "another method": otherCard })) {
  Deno.test(`the card of ${kind} has the page of an honest one, whatever its names are`, () => {
    for (const name of hostile) {
      for (const labels of [undefined, [name, name]]) {
        const made = card(name, labels), honest = card("gpt2", labels && ["gpt2", "gpt2"]);
        assertEquals(pageOf(made), pageOf(honest), name);
        assertEquals(headOf(made), { ...headOf(honest) as object, base_model: name });
        assertEquals(made.split("\n").length, honest.split("\n").length);
      }
    }
  });
}

Deno.test("resize writes a base's name of several lines as one line of code", () =>
  withFolder(async (folder) => {
    const config = { ...goodConfig, base_model_name_or_path: hostile[0] }, out = `${folder}/out`;
    const tensors = Object.fromEntries(["h.0.attn.c_attn", "h.1.attn.c_attn"].flatMap((name) => [
      [`base_model.model.${name}.lora_A.weight`, matrix(2, 3)],
      [`base_model.model.${name}.lora_B.weight`, matrix(4, 2)],
    ]));
    await writeRawAdapter(folder, config, tensors);
    const { code, stderr } = await lowrank("resize", folder, "--rank", "1", "--output", out);
    assertEquals(code, 0, stderr);
    const card = await Deno.readTextFile(`${out}/README.md`);
    assertStringIncludes(card, "\n- Base model: `a\\u{a}\\u{a}# Heading\\u{a}\\u{a}<img src=x ");
  }));
