/** The guide from wrong answers to a merged model: its commands run one after the other, and do what it says. */

import { assert, assertEquals } from "@std/assert";
import { skills, skillText, splitOf } from "../../src/data/mod.ts";
import { outcomeOf, spawnLowrank } from "../cli/lowrank.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { makeOwnFolder } from "./own_folder.ts";
import { run } from "./run.ts";

const guide = sourceText("docs/first_adapter.md");

/** The guide's commands, without what all of them begin with. */
const commands = Array.from(
  guide.matchAll(/^ {4}npx -y deno task lowrank (.*)$/gm),
  ([, line]) => line,
);

/** Runs a command of the guide in a folder; returns what it printed. */
async function follow(line: string, folder: string): Promise<string> {
  const args = line.replaceAll("out/", `${folder}/out/`)
    .replaceAll(/(models|examples)\//g, `${rootPath}$1/`)
    .match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
  const { code, stdout, stderr } = await outcomeOf(spawnLowrank(...args));
  assertEquals(code, 0, `${line}\n${stderr}`);
  return stdout;
}

/** The percent that `evaluate` says to be right. */
const percentIn = (printed: string) => Number(/right answers: ([\d.]+)%/.exec(printed)![1]);

Deno.test("the guide's commands run in its order and answer as it says, and so does its program", () =>
  withFolder(async (folder) => {
    const printed: { command: string; text: string }[] = [];
    for (const line of commands) {
      printed.push({ command: line.split(" ")[0], text: await follow(line, folder) });
    }
    const textsOf = (name: string) =>
      printed.flatMap(({ command, text }) => command === name ? text : []);
    assertEquals(
      textsOf("generate").join(""),
      "rev green: neerg\nflp green: gREEN\nflp green: neerg\nupp green: neerg\n",
    );
    const [base, adapted, cut, lower, merged] = textsOf("evaluate").map(percentIn);
    assertEquals([base, adapted, merged], [0, 100, 100]);
    // 6.0% and 98.5% in the guide; another BLAS rounds differently.
    assert(cut < 25 && lower > 90, `${cut}% when cut to rank 1, ${lower}% when trained at it`);
    const [, program] = /```ts ignore\n([\s\S]*?)```/.exec(guide)!;
    const [, flags] = /npx -y deno run (.*) flip\.ts/.exec(guide)!;
    await makeOwnFolder(folder);
    await Deno.writeTextFile(`${folder}/flip.ts`, program.replace('"../lowrank"', '"."'));
    const said = await run(folder, [...flags.split(" "), "flip.ts"]);
    assertEquals(said, "with the adapter: neerg\nwithout: gREEN\n");
  }));

Deno.test("the guide runs every command that a first adapter needs", () => {
  const names = new Set(commands.map((line) => line.split(" ")[0]));
  assertEquals([...names], ["generate", "evaluate", "train", "inspect", "resize", "merge"]);
});

Deno.test("the guide's files have 200 flipped words each, and none is in both", () => {
  const reverse = skills.find(({ name }) => name === "reverse")!;
  const wordsOf = (file: string, split: string) => {
    const rows = sourceText(`examples/${file}.jsonl`).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    const words = rows.map(({ prompt }) => /^flp ([a-z]+):$/.exec(prompt)![1]);
    words.forEach((word, at) => {
      const { prompt, completion } = skillText(reverse, "flp", word);
      assertEquals(rows[at], { prompt, completion: completion.trim() });
      assertEquals(splitOf(word), split);
    });
    return new Set(words);
  };
  const [lines, unseen] = [wordsOf("flip", "train"), wordsOf("flip_unseen", "test")];
  assertEquals([lines.size, unseen.size, lines.union(unseen).size], [200, 200, 400]);
  assert(!lines.has("green") && !unseen.has("green"));
  assert(sourceText("examples/flip.jsonl").includes(/^ {4}(\{.*\})$/m.exec(guide)![1]));
});
