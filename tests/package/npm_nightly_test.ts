/**
 * The npm package: installed by npm into an empty folder, used in Node 22 and 24, by its types and in a bundle for
 * browsers. It needs npm and its registry.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { buildNpm } from "../../scripts/npm.ts";
import { browserImports } from "../../scripts/sizes.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";

/** The README's program without `using`, which Node 22 does not have. */
const program = sourceText("examples/first.ts").replaceAll(/^using /gm, "const ");

const versions = [22, 24];

const data = ["--model", "models/tiny-skills", "--data", "examples/flip.jsonl"];
const train = ["train", ...data, "--steps", "10"];

Deno.test("npm: the README's program, the command, its types, and bundles for browsers", () =>
  withFolder(async (folder) => {
    const tarball = await buildNpm(`${folder}/npm`), own = `${folder}/own`, home = `${folder}/home`;
    for (const path of [own, home]) await Deno.mkdir(path);
    const run = (program: string, ...args: string[]) => execute(own, home, program, args);
    await Deno.writeTextFile(`${own}/package.json`, `{ "type": "module" }`);
    const nodes = versions.map((version) => `node${version}@npm:node@${version}`);
    const tools = ["esbuild@0.28.2", "typescript@5", "@types/node@24"];
    await run("npm", "install", "--no-audit", "--no-fund", tarball, ...nodes, ...tools);
    await Deno.writeTextFile(`${own}/first.ts`, program);
    const bin = `${own}/node_modules/.bin`;
    const strict = ["--noEmit", "--strict", "--skipLibCheck", "--types", "node"];
    const modern = ["--target", "esnext", "--module", "nodenext"];
    await run(`${bin}/tsc`, ...strict, ...modern, "first.ts");
    await run(`${bin}/esbuild`, "first.ts", "--outfile=first.js", "--log-level=error");
    for (const version of versions) {
      const node = `${own}/node_modules/node${version}/bin/node`;
      const lowrank = (...args: string[]) => run(node, `${bin}/lowrank`, ...args);
      assertStringIncludes(await run(node, "--version"), `v${version}.`);
      assertStringIncludes(await lowrank("begin"), "npx @lowrank/core train --model models/tiny");
      assertEquals(await run(node, "first.js"), "0\n1\nneerg\n");
      const output = `out/${version}`;
      await lowrank(...train, "--output", output);
      const described = await lowrank("inspect", output, "--base", "models/tiny-skills", "--json");
      assertEquals(JSON.parse(described).modules.length, 4);
    }
    const deno = ["run", "-A", `${rootPath}cli.ts`, ...train, "--output", "out/deno"];
    await run(Deno.execPath(), ...deno);
    const file = (name: string) => Deno.readFile(`${own}/out/${name}/adapter_model.safetensors`);
    for (const version of versions) assertEquals(await file(`${version}`), await file("deno"));
    const { exports } = JSON.parse(sourceText("deno.json"));
    for (const entry of Object.keys(exports).filter((entry) => entry !== "./cli")) {
      await bundled(entry, `export * from "@lowrank/core${entry.slice(1)}";`);
    }
    for (const { what, program, most } of browserImports) {
      const named = program.replaceAll(
        /ROOT(?:src\/(\w+)\/)?mod\.ts/g,
        (_, name) => `@lowrank/core${name ? `/${name}` : ""}`,
      );
      const bytes = await bundled(what, named);
      assert(bytes <= most, `${what}: ${bytes} bytes`);
    }

    async function bundled(what: string, text: string): Promise<number> {
      await Deno.writeTextFile(`${own}/entry.js`, text);
      const options = ["--bundle", "--minify", "--format=esm", "--target=es2024"];
      const quiet = ["--log-level=error", "--outfile=bundle.js"];
      await run(`${bin}/esbuild`, "entry.js", ...options, ...quiet)
        .catch((error) => Promise.reject(new Error(`${what}: ${error.message}`)));
      return gzipSync(await Deno.readFile(`${own}/bundle.js`), { level: 9 }).length;
    }
  }));

async function execute(cwd: string, home: string, program: string, args: readonly string[]) {
  const env = { HOME: home, NO_COLOR: "1", LOWRANK_BLAS: "off", LOWRANK_DEVICE: "cpu" };
  const command = new Deno.Command(program, { args: [...args], cwd, env, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const [printed, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${said}${printed}`);
  return printed;
}
