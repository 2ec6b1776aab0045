/**
 * Tokens, METEOR and all scores beside the code of the E2E scripts, on the E2E dataset, and the scores that others
 * have published; docs/text_metrics.md quotes them. `LOWRANK_E2E` names a folder with `pycocoevalcap/`, as the E2E
 * scripts and the Python package of that name have it, and, for the published scores, with `system_outputs/` of the
 * repository of the challenge's results, tuetschek/e2e-eval.
 */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import {
  e2eData,
  type E2eSplit,
  readReferencedOutputs,
  type ReferencedOutput,
  wordNetSynonyms,
} from "../../../src/data/mod.ts";
import {
  loadMeteorTables,
  mtevalTokens,
  scoreTexts,
  textMetrics,
} from "../../../experiments/text_metrics/mod.ts";
import { meteorStatistics } from "../../../experiments/text_metrics/meteor.ts";
import { captionTokens } from "../../../experiments/text_metrics/tokens.ts";
import { grouped } from "../../../src/core/numbers.ts";
import { readZipped } from "../../../src/storage/zip.ts";
import { withFolder } from "../../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../../scripts/support/python.ts";
import { sourceText } from "../../../scripts/support/source_files.ts";
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

/** The page on metrics, which quotes the numbers that are measured here. */
const page = sourceText("docs/text_metrics.md").replaceAll(/\s+/g, " ");

const splits: readonly E2eSplit[] = ["train", "validation", "test"];

/** The sentences of RNNLG (Wen et al. 2016), whose files begin with comments. */
async function rnnlgTexts(): Promise<string[]> {
  const names = ["hotel", "laptop", "restaurant", "tv"].flatMap((domain) =>
    ["train", "valid", "test"].map((split) => `nlg/rnnlg-${domain}-${split}.json`)
  );
  const files = await Promise.all(names.map((name) => Deno.readTextFile(join(data!, name))));
  return files.flatMap((text) => {
    const rows: string[][] = JSON.parse(text.replaceAll(/^#.*$/gm, ""));
    return rows.flatMap(([, ...sentences]) => sentences);
  });
}

/** Tokens that coco-caption drops. */
const dropped = new Set("'' ' `` ` . ? ! , : - -- ... ;".split(" "));

Deno.test({
  name: "Penn Treebank tokens of E2E and RNNLG are Stanford's, but for an initial at an end",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const groups = await Promise.all(splits.map((split) => e2eData(split, zip!)));
      const restaurants = groups.flat().flatMap(({ references }) => references);
      const texts = [...restaurants, ...await rnnlgTexts()];
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
      const [same, all, others] = [
        restaurants.length - different.length,
        restaurants.length,
        texts.length - restaurants.length,
      ].map(grouped);
      const counted = `${same} of the ${all} references of E2E and in all ${others} texts of RNNLG`;
      assertStringIncludes(page, counted);
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

const quoted = (scores: Readonly<Record<string, number>>, ...names: string[]): string =>
  names.map((name) => `${titles[name]} ${scores[name].toFixed(4)}`).join(", ");

const titles: Readonly<Record<string, string>> = {
  ...{ bleu: "BLEU", nist: "NIST", meteor: "METEOR", rougeL: "ROUGE-L", cider: "CIDEr" },
};

Deno.test({
  name: "all five scores of people's texts in the E2E test set are those of the scripts' code",
  ignore: ignore || !await pythonHas("pycocoevalcap", "gem_metrics_fork", "future"),
  fn: () =>
    withFolder(async (folder) => {
      const outputs = await humanOutputs(), file = `${folder}/texts.json`;
      const pairs = outputs.map(({ output, references }) => [output, references]);
      await Deno.writeTextFile(file, JSON.stringify(pairs));
      const { code, text } = await runPython("scripts/golden/text_scores.py", [file]);
      assertEquals(code, 0, text);
      const line = text.split("\n").find((line) => line.startsWith("{")); // Its programs print, too.
      const theirs: Record<string, number> = JSON.parse(line!);
      const tables = await loadMeteorTables(meteorFolder!, outputs);
      const ours = { ...scoreTexts(outputs, textMetrics, tables) } as Record<string, number>;
      for (const metric of textMetrics) {
        assertAlmostEquals(ours[metric], theirs[metric], 1e-12 * theirs[metric], metric);
      }
      const meanings = `${outputs.length} meanings against its`;
      assertStringIncludes(page, meanings);
      assertStringIncludes(page, quoted(ours, "bleu", "nist", "meteor", "rougeL", "cider"));
      const synonyms = await wordNetSynonyms();
      const { meteorWithoutParaphrases: other } = scoreTexts(outputs, ["meteor"], { synonyms });
      const without = `${other!.toFixed(4)} instead of ${ours.meteor.toFixed(4)}`;
      assertStringIncludes(page, without);
    }),
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
      const found = { ...scoreTexts(outputs, textMetrics, tables) } as Record<string, number>;
      for (const [metric, score] of Object.entries(published)) {
        assertAlmostEquals(found[metric], score, 5e-5, metric);
      }
      const ours = `${quoted(found, "bleu", "meteor", "rougeL", "cider")} and ${
        quoted(found, "nist")
      }`;
      assertStringIncludes(page, `${ours} here`);
      assertStringIncludes(page, `here, it is ${(found.nist / nistPenalty(outputs)).toFixed(4)}`);
    }),
});

/** NIST's factor for the length of outputs beside the mean length of their references. */
function nistPenalty(outputs: readonly ReferencedOutput[]): number {
  const lengthOf = (text: string) => mtevalTokens(text).length;
  const made = outputs.reduce((sum, { output }) => sum + lengthOf(output), 0);
  const wanted = outputs.reduce((sum, { references }) => {
    const all = references.reduce((sum, reference) => sum + lengthOf(reference), 0);
    return sum + all / references.length;
  }, 0);
  const ratio = Math.log(made / wanted) / Math.log(1.5);
  return made >= wanted ? 1 : Math.exp(Math.log(0.5) * ratio ** 2);
}
