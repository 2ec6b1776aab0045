/**
 * Tokens and METEOR beside the jars of the E2E scripts, on the E2E dataset, and the scores that others have
 * published. `LOWRANK_E2E` names a folder with `pycocoevalcap/`, as the E2E scripts and the Python package of
 * that name have it, and, for the published scores, with `example-inputs/` of the scripts.
 */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "node:path";
import { e2eData, type E2eSplit, readReferencedOutputs } from "../../src/data/mod.ts";
import {
  loadMeteorTables,
  meteor,
  type ReferencedOutput,
  scoreTexts,
  textMetrics,
} from "../../src/metrics/mod.ts";
import { captionTokens } from "../../src/metrics/caption_tokens.ts";
import { withFolder } from "../support/folders.ts";

const data = Deno.env.get("LOWRANK_DATA"), e2e = Deno.env.get("LOWRANK_E2E");
const zip = data && join(data, "nlg/e2e-dataset.zip");
const meteorFolder = e2e && join(e2e, "pycocoevalcap/meteor");
const hasFile = (path?: string) => {
  try {
    return path !== undefined && Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};
const ignore = !hasFile(zip) || !hasFile(meteorFolder && join(meteorFolder, "meteor-1.5.jar"));

async function java(args: readonly string[], input = ""): Promise<string[]> {
  const child = new Deno.Command("java", {
    args: ["-Dfile.encoding=UTF-8", "-Xmx2G", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.output(), writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout } = await output;
  assertEquals(code, 0);
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

const splits: readonly E2eSplit[] = ["train", "validation", "test"];

/** What coco-caption drops, and the period that Stanford's adds after an abbreviation. */
const dropped = new Set("'' ' `` ` . ? ! , : - -- ... ;".split(" "));

Deno.test({
  name: "Penn Treebank tokens of the E2E dataset are Stanford's, but for an initial at an end",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const groups = await Promise.all(splits.map((split) => e2eData(split, zip!)));
      const texts = groups.flat().flatMap(({ references }) => references);
      const lines = texts.map((text) => text.replaceAll(/[\r\n]/g, " "));
      await Deno.writeTextFile(`${folder}/texts.txt`, lines.join("\n"));
      const jar = join(e2e!, "pycocoevalcap/tokenizer/stanford-corenlp-3.4.1.jar");
      const program = ["-cp", jar, "edu.stanford.nlp.process.PTBTokenizer"];
      const theirs = await java([
        ...program,
        "-preserveLines",
        "-lowerCase",
        `${folder}/texts.txt`,
      ]);
      assertEquals(theirs.length, texts.length);
      const different = texts.filter((text, i) =>
        captionTokens(text).join(" ") !==
          theirs[i].trim().split(" ").filter((token) => !dropped.has(token)).join(" ")
      );
      // Its tokenizer reads on into the next text of its file, which begins with "The".
      assertEquals(different.map((text) => text.slice(-8)), ["20-25 L."]);
    }),
});

/** The first reference of each meaning of the test set, against its others. */
async function humanOutputs(): Promise<ReferencedOutput[]> {
  const meanings = (await e2eData("test", zip!)).filter(({ references }) => references.length > 1);
  return meanings.map(({ references: [output, ...references] }) => ({ output, references }));
}

Deno.test({
  name: "METEOR of people's texts in the E2E test set is the jar's, with its tables",
  ignore,
  fn: async () => {
    const outputs = await humanOutputs(), tokens = (text: string) => captionTokens(text).join(" ");
    const lines = outputs.map(({ output, references }) =>
      ["SCORE", ...references.map(tokens), tokens(output)].join(" ||| ")
    );
    const options = ["-", "-", "-stdio", "-l", "en", "-norm"];
    const jar = ["-jar", join(meteorFolder!, "meteor-1.5.jar"), ...options];
    const stats = await java(jar, lines.join("\n") + "\n");
    const scores = await java(jar, ["EVAL", ...stats].join(" ||| ") + "\n");
    const found = meteor(outputs, await loadMeteorTables(meteorFolder!, outputs));
    assertAlmostEquals(found, Number(scores.at(-1)), 1e-12);
  },
});

/** As the README of the scripts prints them for the baseline on the development set. */
const published = { bleu: 0.6925, nist: 8.4781, meteor: 0.4703, rougeL: 0.7257, cider: 2.3987 };
const example = (name: string) => e2e && join(e2e, "example-inputs", name);

Deno.test({
  name: "the scripts' example has the scores that their README prints",
  ignore: ignore || !hasFile(example("baseline-output.txt")) || !hasFile(example("devel-conc.txt")),
  fn: async () => {
    const files = [example("baseline-output.txt")!, example("devel-conc.txt")!] as const;
    const outputs = await readReferencedOutputs(...files);
    const tables = await loadMeteorTables(meteorFolder!, outputs);
    const found = scoreTexts(outputs, textMetrics, tables);
    for (const name of textMetrics) assertAlmostEquals(found[name], published[name], 5e-5, name);
  },
});
