/**
 * Runs the core tests with the real std packages under the names that `deno.json` maps to our small
 * modules. Needs a network that reaches JSR.
 *
 * @module
 */

import { tiersVariable } from "./support/parts.ts";
import { root, rootPath } from "./support/source_files.ts";
import { testFiles } from "./test/jobs.ts";

const realStd = {
  "@std/assert": "jsr:@std/assert@1",
  "@std/testing/bdd": "jsr:@std/testing@1/bdd",
};

/** An import map given on the command line replaces that of `deno.json`, so it holds both. */
async function importMap(): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  return `data:application/json,${
    encodeURIComponent(JSON.stringify({ imports: { ...imports, ...realStd } }))
  }`;
}

const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--no-lock", `--import-map=${await importMap()}`, ...testFiles(["core"])],
  cwd: rootPath,
  env: { [tiersVariable]: "core" },
}).spawn().status;
Deno.exit(code);
