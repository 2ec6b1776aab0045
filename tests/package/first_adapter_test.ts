/** The guide from texts to a merged model: its commands run one after the other, and its file is what it says. */

import { assert, assertEquals } from "@std/assert";
import { outcomeOf, spawnLowrank } from "../cli/lowrank.ts";
import { withFolder } from "../support/folders.ts";
import { rootPath, sourceText } from "../support/source_files.ts";
import { makeOwnFolder } from "./own_folder.ts";
import { run } from "./run.ts";

const guide = sourceText("docs/first_adapter.md");

Deno.test("the guide's commands run in its order, here with few steps, and so does its program", () =>
  withFolder(async (folder) => {
    const commands = Array.from(
      guide.matchAll(/^ {4}npx -y deno task lowrank (.*)$/gm),
      ([, line]) => line,
    );
    assertEquals(
      [...new Set(commands.map((line) => line.split(" ")[0]))],
      ["train", "generate", "inspect", "resize", "evaluate", "merge"],
    );
    for (const line of commands) {
      const args = line.replaceAll("out/", `${folder}/out/`)
        .replaceAll(/(models|examples)\//g, `${rootPath}$1/`)
        .match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
      const few = args[0] === "train" ? ["--steps", "2"] : ["--quiet"];
      const { code, stderr } = await outcomeOf(spawnLowrank(...args, ...few));
      assertEquals(code, 0, `${line}\n${stderr}`);
    }
    const [, program] = /```ts ignore\n([\s\S]*?)```/.exec(guide)!;
    const [, flags] = /npx -y deno run (.*) alarms\.ts/.exec(guide)!;
    await makeOwnFolder(folder);
    await Deno.writeTextFile(`${folder}/alarms.ts`, program.replace('"../lowrank"', '"."'));
    assert((await run(folder, [...flags.split(" "), "alarms.ts"])).endsWith("\n"));
  }));

Deno.test("the guide's file has 200 different lines, none of them about the number 100", () => {
  const lines = sourceText("examples/alarms.jsonl").trimEnd().split("\n");
  assertEquals(new Set(lines).size, 200);
  assertEquals(lines.filter((line) => line.includes("100")), []);
  assert(lines.includes(/^ {4}(\{.*\})$/m.exec(guide)![1]));
});
