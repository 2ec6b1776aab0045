/** The README: its length, its program, and the numbers that it states. */

import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../../scripts/support/folders.ts";
import { sourceFiles, sourceText } from "../../scripts/support/source_files.ts";
import { methodPicture } from "../../src/figures/pictures.ts";
import { countTrained } from "../../experiments/counting.ts";
import { gpt3Memory } from "../../experiments/memory.ts";
import { guideConfig, makeOwnFolder } from "./own_folder.ts";
import { run } from "./run.ts";
import { floorsPicture, rooms } from "../../scripts/site/floors_picture.ts";
import { memoryPicture } from "../../scripts/site/memory_picture.ts";
import { firstRun, motionPicture } from "../../scripts/site/motion.ts";
import { layerOf, packageImports } from "../../scripts/support/layers.ts";

const readme = sourceText("README.md");

Deno.test("the README has at most 120 lines", () => {
  assert(readme.split("\n").length <= 121, `${readme.split("\n").length - 1} lines`);
});

Deno.test("the README's program is the file that it runs, and prints what it says, with the permissions that it says", () =>
  withFolder(async (folder) => {
    const [, program] = /```ts\n([\s\S]*?)```/.exec(readme)!;
    const [, flags, path] = /npx -y deno run (.*) (examples\/\w+\.ts)/.exec(readme)!;
    assertEquals(program, sourceText(path));
    await makeOwnFolder(folder);
    await Deno.writeTextFile(`${folder}/main.ts`, program);
    const printed = await run(folder, [...flags.split(" "), "main.ts"]);
    const inComments = program.matchAll(/^console.*\/\/ (\w+)/gm);
    const [, first, second, last] = /prints `(\w+)`, `(\w+)` and `(\w+)`:/.exec(readme)!;
    assertEquals([first, second, last].map((text) => `${text}\n`).join(""), printed);
    assertEquals(Array.from(inComments, ([, text]) => `${text}\n`).join(""), printed);
    assert((await Deno.stat(`${folder}/out/first/adapter_config.json`)).isFile);
  }));

Deno.test("the README's numbers about GPT-3 are those of the count and of the dry device", () => {
  const fewer = Math.round(countTrained(0) / countTrained(4)).toLocaleString("en-US");
  assert(readme.includes(`${fewer} times, [counted]`), `${fewer} times`);
  const less = (gpt3Memory(0).peak / gpt3Memory(4).peak).toFixed(2);
  assert(readme.includes(`[${less} times]`), `${less} times less memory`);
});

Deno.test("the pictures of the method, the memory and the floors are those that their script draws", async () => {
  assertEquals(sourceText("docs/images/method.svg"), methodPicture().svg);
  assertEquals(sourceText("docs/images/memory.svg"), memoryPicture());
  const imports = await packageImports();
  assertEquals(sourceText("docs/images/floors.svg"), floorsPicture(imports));
  const named = new Set(imports.flatMap(({ from, to }) => [layerOf(from), layerOf(to)]));
  assertEquals([...named].filter((name) => !Object.hasOwn(rooms, name)), []);
});

Deno.test("the picture that moves is a run of the playground's first task, as its words say", async () => {
  const { svg, alt } = motionPicture(await firstRun(), "wide");
  const drawn = (text: string) => text.replaceAll(/href="data:[^"]*"/g, ""); // packed by some zlib
  assertEquals(drawn(sourceText("docs/images/playground.svg")), drawn(svg));
  assert(readme.includes(`![${alt}](docs/images/playground.svg)`), alt);
});

Deno.test("with the deno.json of the guides a program finds every entry", () =>
  withFolder(async (folder) => {
    await makeOwnFolder(folder);
    const { exports } = JSON.parse(sourceText("deno.json"));
    const lines = Object.keys(exports).map((entry) => `import "@lowrank/core${entry.slice(1)}";`);
    await Deno.writeTextFile(`${folder}/all.ts`, [...lines, 'console.log("found")'].join("\n"));
    assertEquals(await run(folder, ["-R", "all.ts"]), "found\n");
    assert(sourceText("docs/first_adapter.md").includes(guideConfig().trim()));
  }));

Deno.test("the README has a reason for every package that the code imports", () => {
  const files = sourceFiles([
    "src",
    "kernels",
    "experiments",
    "scripts",
    "tests",
    "mod.ts",
    "cli.ts",
  ]);
  const imported = files.flatMap((path) =>
    Array.from(sourceText(path).matchAll(/"npm:((?:@[\w-]+\/)?[\w.-]+)@\d/g), ([, name]) => name)
  );
  assert(imported.length > 10);
  assertEquals([...new Set(imported)].filter((name) => !readme.includes(`\`${name}\``)), []);
});
