/** Cards of adapters: what comes from a file is code in one line, and never Markdown, HTML or YAML. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { renderGuide } from "../../scripts/site/markdown.ts";
import { methodCard } from "../../src/adapt/method_card.ts";
import { adapterCard } from "../../src/formats/adapter_card.ts";
import { lowrank } from "../cli/lowrank.ts";
import { withFolder } from "../support/folders.ts";
import { parsePlainYaml } from "../support/plain_yaml.ts";
import { goodConfig, matrix, writeRawAdapter } from "./adapter_folders.ts";

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
