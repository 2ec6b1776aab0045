import "../support/open_lapack.ts";
import { assertEquals } from "@std/assert";
import { lowrankJson } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

/** The Python lines of a card, for its own folder. */
const pythonIn = (card: string, folder: string): string =>
  card.split("```python\n")[1].split("```")[0].replace('"this folder"', JSON.stringify(folder));

/** Arguments of a training whose card is tried. */
interface Asked {
  readonly model: string;
  readonly data: string;
  readonly method?: string;
  /** Virtual tokens, where they must leave room for an answer. */
  readonly length?: string;
}

const prompts = { model: "models/tiny-gpt2", data: "examples/alarms.jsonl" };

const kinds: Readonly<Record<string, Asked>> = {
  "a prompt": prompts,
  "a prompt, with vera": { ...prompts, method: "vera" },
  "a prompt, with ia3": { ...prompts, method: "ia3" },
  "a prompt, with tinylora": { ...prompts, method: "tinylora" },
  "a prompt, with prefix-embedding": { ...prompts, method: "prefix-embedding", length: "4" },
  "a prompt, with prefix-tuning": { ...prompts, method: "prefix-tuning", length: "4" },
  "a text for a language model's classifier": {
    ...{ model: "models/tiny-gpt2", data: "examples/kinds.jsonl" },
  },
  "a text for an encoder's classifier": {
    ...{ model: "models/tiny-roberta", data: "examples/kinds.jsonl" },
  },
};

for (const [what, { model, data, method = "lora", length }] of Object.entries(kinds)) {
  Deno.test({
    name: `the Python lines of a card answer ${what} as we do`,
    ignore: !await pythonHas("torch", "transformers", "peft"),
    fn: () =>
      withFolder(async (folder) => {
        const adapter = `${folder}/out`, text = "disk error, 100:", row = `${folder}/row.jsonl`;
        const given = ["--model", model, "--adapter", adapter];
        const own = length === undefined ? [] : ["--prefix-length", length];
        const kind = ["--method", method, ...own];
        const train = ["--data", data, ...kind, "--steps", "80", "--output", adapter];
        await lowrankJson("train", "--model", model, ...train);
        const lines = pythonIn(await Deno.readTextFile(`${adapter}/README.md`), adapter);
        await Deno.writeTextFile(`${folder}/card.py`, lines.replace(/your (prompt|text)/, text));
        const { code, text: said } = await runPython(`${folder}/card.py`, []);
        assertEquals(code, 0, said);
        const answer = said.split("\n")[0];
        if (what.startsWith("a prompt")) {
          // As many as the card asks for.
          const most = ["--max-new-tokens", "40"];
          const made = await lowrankJson("generate", ...given, "--prompt", text, ...most);
          assertEquals(answer, made.text);
          return;
        }
        await Deno.writeTextFile(row, JSON.stringify({ text, label: answer }));
        assertEquals((await lowrankJson("evaluate", ...given, "--data", row)).accuracy, 1);
      }),
  });
}
