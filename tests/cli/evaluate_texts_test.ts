/** `lowrank evaluate` of generated texts: of anybody's model, and of ours. */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { scoreTexts, textMetrics } from "../../src/metrics/mod.ts";
import { golden as goldenPath } from "../support/golden.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../metrics/golden.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const tiny = ["--model", "models/tiny-gpt2"];

async function write(folder: string, name: string, text: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/${name}`, text);
  return `${folder}/${name}`;
}

/** The golden texts as files of the E2E scripts. */
async function goldenFiles(folder: string): Promise<string[]> {
  const { texts } = golden;
  const outputs = texts.map(({ output }) => `${output}\n`).join("");
  const references = texts.map(({ references }) => `${references.join("\n")}\n`).join("\n");
  return [
    "--outputs",
    await write(folder, "outputs.txt", outputs),
    "--references",
    await write(folder, "references.txt", references),
  ];
}

Deno.test("files of outputs and references get the scores of the E2E scripts", () =>
  withFolder(async (folder) => {
    const files = await goldenFiles(folder), { bleu, nist } = golden.scores;
    const found = await lowrankJson("evaluate", ...files, "--metrics", "NIST,bleu");
    assertEquals(Object.keys(found.scores), ["nist", "bleu"]);
    assertAlmostEquals(found.scores.bleu, bleu, 1e-12);
    assertAlmostEquals(found.scores.nist, nist, 1e-12);
    assertEquals([found.outputs, found.references], [16, 31]);
    const { stdout } = await lowrank("evaluate", ...files, "--metrics", "rouge_l");
    assertStringIncludes(stdout, `rougeL  ${golden.scores.rougeL.toFixed(4)}`);
    assertStringIncludes(stdout, "16 outputs with 31 references");
  }));

Deno.test("METEOR without its tables has another name, and a folder without them is refused", () =>
  withFolder(async (folder) => {
    const files = [...await goldenFiles(folder), "--metrics", "meteor"];
    const found = await lowrankJson("evaluate", ...files);
    assertEquals(Object.keys(found.scores), ["meteorWithoutParaphrases"]);
    const { stderr } = await lowrank("evaluate", ...files);
    assertStringIncludes(stderr, "METEOR without its table of paraphrases");
    await assertFails(["evaluate", ...files, "--meteor", folder], "meteor-1.5.jar");
  }));

Deno.test("a model's answers are scored, prompts with several references once", () =>
  withFolder(async (folder) => {
    const rows = [["boat:", "a galleon"], ["song:", "a shanty"], ["boat:", "a fine old ship"]];
    const text = rows.map(([prompt, completion]) => JSON.stringify({ prompt, completion }));
    const data = ["--data", await write(folder, "mine.jsonl", text.join("\n"))];
    const most = ["--max-new-tokens", "6"];
    for (const how of [[], ["--beams", "2"]]) {
      const made = await lowrank("generate", ...tiny, ...data, ...most, ...how, "--json");
      const answers = made.stdout.trim().split("\n").map((line) => JSON.parse(line).text.trim());
      const wanted = scoreTexts([
        { output: answers[0], references: ["a galleon", "a fine old ship"] },
        { output: answers[1], references: ["a shanty"] },
      ], ["rougeL", "cider"]);
      const metrics = ["--metrics", "rougeL,cider"];
      const found = await lowrankJson("evaluate", ...tiny, ...data, ...most, ...how, ...metrics);
      assertEquals(found, { scores: wanted, outputs: 2, references: 3 });
    }
  }));

Deno.test("what does not go together, or is not known, is said", () =>
  withFolder(async (folder) => {
    const files = await goldenFiles(folder), data = ["--data", "examples/pairs.jsonl"];
    await assertFails(["evaluate"], "needs --model and --data, or --outputs and --references");
    await assertFails(["evaluate", ...tiny], "found --model alone");
    await assertFails(["evaluate", ...files.slice(0, 2)], "go together", "outputs.txt alone");
    await assertFails(["evaluate", ...files, ...tiny], "without a model: leave out --model");
    await assertFails(["evaluate", ...files, "--beams", "2"], "leave out --beams");
    await assertFails(["evaluate", ...files, "--metrics", "bleu,rouge"], ...textMetrics);
    await assertFails(["evaluate", ...tiny, ...data, "--beams", "2"], "leave out --beams");
    const chosen = ["--metrics", "bleu"];
    await assertFails(["evaluate", ...files, ...chosen, "--meteor", folder], "leave out --meteor");
    const template = ["--prompt-template", "{prompt}"];
    await assertFails(
      ["evaluate", ...tiny, ...data, ...chosen, ...template],
      "as in training: leave out --prompt-template",
    );
    const plain = ["--data", await write(folder, "plain.txt", "a text\n")];
    await assertFails(
      ["evaluate", ...tiny, ...plain, "--metrics", "bleu"],
      "--metrics need prompts with completions, found 1 line with text",
    );
    const classifier = ["--model", goldenPath("families/bert_classifier")];
    await assertFails(
      ["evaluate", ...classifier, ...data, "--metrics", "bleu"],
      "must predict the next token, found a classifier of 3 labels; leave out --metrics",
    );
  }));
