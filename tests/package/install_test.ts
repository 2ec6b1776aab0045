/** The package works from another folder by path, over HTTP, and packed. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { root, rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { moduleCache, run, unpack } from "./run.ts";
import { serveFolder } from "../../scripts/support/serve.ts";

const program = sourceText("tests/package/what_a_user_writes.ts");

/** A program with the package's files at `base` in place of its name. */
function importingFrom(base: string, text = program): string {
  const { exports } = JSON.parse(sourceText("deno.json"));
  return text.replaceAll(/"@lowrank\/core(\/\w+)?"/g, (_, entry = "") => {
    return JSON.stringify(new URL(exports[`.${entry}`], base).href);
  });
}

/** A folder as a user has one: a model and a program. */
async function prepare(folder: string, text: string): Promise<void> {
  const model = `${folder}/models/tiny-gpt2`;
  await Deno.mkdir(model, { recursive: true });
  for (const file of ["config.json", "model.safetensors"]) {
    await Deno.copyFile(golden(`gpt2_tiny/${file}`), `${model}/${file}`);
  }
  await Deno.writeTextFile(`${folder}/main.ts`, text);
}

/** Checks what the program printed: two threads compute what the default does. */
function assertWorks(stdout: string): void {
  const { adapted, threaded, own, stableRanks } = JSON.parse(stdout);
  assertStringIncludes(threaded.device, "cpu, 2 threads");
  assertEquals(threaded.losses, adapted.losses);
  assertEquals([adapted.losses.length, own.length], [2, 1]);
  assertEquals(own[0], adapted.losses[0]);
  assert(adapted.losses[1] < adapted.losses[0]);
  assertEquals(adapted.mergedParameters, 28);
  assertEquals(Object.keys(stableRanks).length, 4); // q and v of two layers
}

const permissions = ["--allow-read", "--allow-write=out", "--allow-env"];

Deno.test("by path from another folder, with permission to read and to write only its output", () =>
  withFolder(async (folder) => {
    await prepare(folder, importingFrom(root.href));
    assertWorks(await run(folder, [...permissions, "main.ts"]));
  }));

const notebook = `import { check, show, slider } from "@lowrank/core/notebook";
await show([1, NaN]);
await slider({ rank: [2, 4] }, ({ rank }) => \`r = \${rank}\`);
await check("it works", true);
`;
const shown = "[ 1, NaN ]\nrank 2\nr = 2\n✓ it works\n";

Deno.test("over HTTP, kernels and threads, the command line and the notebook entry", () =>
  withFolder(async (folder) => {
    await using server = serveFolder(rootPath);
    await using cache = await moduleCache();
    await prepare(folder, importingFrom(server.url));
    const { host } = new URL(server.url);
    const remote = [`--allow-import=${host}`, `--allow-net=${host}`];
    assertWorks(await run(folder, [...permissions, ...remote, "main.ts"], cache.path));
    const cli = ["--allow-all", `${server.url}cli.ts`];
    const printed = await run(folder, [...cli, "paper", "table7", "--json"], cache.path);
    assertEquals(JSON.parse(printed).length, 12);
    await Deno.writeTextFile(`${folder}/notebook.ts`, importingFrom(server.url, notebook));
    assertEquals(await run(folder, ["--allow-all", "notebook.ts"], cache.path), shown);
  }));

Deno.test("packed by deno pack, by its name, types and the notebook entry included", () =>
  withFolder(async (folder) => {
    await prepare(folder, program);
    await unpack(folder);
    assertWorks(await run(folder, ["--check", ...permissions, "main.ts"]));
    await Deno.writeTextFile(`${folder}/notebook.ts`, notebook);
    assertEquals(await run(folder, ["--allow-all", "notebook.ts"]), shown);
  }));
