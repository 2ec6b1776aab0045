/**
 * Tokens and METEOR beside the jars of the E2E scripts, on the E2E dataset, and the scores that others have
 * published. `LOWRANK_E2E` names a folder with `pycocoevalcap/`, as the E2E scripts and the Python package of
 * that name have it, and, for the published scores, with `system_outputs/` of the repository of the
 * challenge's results, tuetschek/e2e-eval.
 */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "node:path";
import { e2eData, type E2eSplit, readReferencedOutputs } from "../../src/data/mod.ts";
import { loadMeteorTables, type ReferencedOutput, scoreTexts } from "../../src/metrics/mod.ts";
import { meteorStatistics } from "../../src/metrics/meteor/meteor.ts";
import { captionTokens } from "../../src/metrics/caption_tokens.ts";
import { readZipped } from "../../src/core/zip.ts";
import { withFolder } from "../support/folders.ts";
import { jarNumbers } from "./golden.ts";

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

/** What coco-caption drops. */
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
  name: "METEOR counts of people's texts in the E2E test set are the jar's, with its tables",
  ignore,
  fn: async () => {
    const outputs = await humanOutputs(), tokens = (text: string) => captionTokens(text).join(" ");
    const lines = outputs.map(({ output, references }) =>
      ["SCORE", ...references.map(tokens), tokens(output)].join(" ||| ")
    );
    const options = ["-", "-", "-stdio", "-l", "en", "-norm"];
    const jar = join(meteorFolder!, "meteor-1.5.jar");
    const theirs = await java(["-jar", jar, ...options], lines.join("\n") + "\n");
    const tables = await loadMeteorTables(meteorFolder!, outputs);
    const ours = outputs.map((output) => jarNumbers(meteorStatistics(output, tables)));
    assertEquals(ours, theirs.map((line) => line.split(" ").map(Number)));
  },
});

/** The challenge's baseline on the test set, as its organizers print it (Dušek et al. 2018, table 2). */
const published = { bleu: 0.6593, meteor: 0.4483, rougeL: 0.685, cider: 2.2338 };
const baseline = e2e && join(e2e, "system_outputs/primary/tgen.tsv");

Deno.test({
  name: "the challenge's baseline has the published scores",
  ignore: ignore || !hasFile(baseline),
  fn: () =>
    withFolder(async (folder) => {
      const references = `${folder}/references.csv`, name = "e2e-dataset/testset_w_refs.csv";
      await Deno.writeFile(references, await readZipped(zip!, name, 2 ** 24));
      const outputs = await readReferencedOutputs(baseline!, references);
      const tables = await loadMeteorTables(meteorFolder!, outputs);
      const found = scoreTexts(outputs, ["bleu", "meteor", "rougeL", "cider"], tables);
      for (const [metric, score] of Object.entries(published)) {
        assertAlmostEquals(found[metric as keyof typeof found], score, 5e-5, metric);
      }
    }),
});
