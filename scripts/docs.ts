/** Writes the API reference of every entry as HTML: `deno task docs`, then open `docs/api/index.html`. @module */

import { rootPath, sourceText } from "../tests/support/source_files.ts";

const { exports } = JSON.parse(sourceText("deno.json"));
const args = [
  "doc",
  "--html",
  "--name=Lowrank",
  "--output=docs/api",
  ...Object.values<string>(exports),
];
const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).spawn().status;
Deno.exit(code);
