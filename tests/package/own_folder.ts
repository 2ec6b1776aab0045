/** A folder of a user's own: the deno.json that the guide gives, and the clone's models. @module */

import { rootPath, sourceText } from "../support/source_files.ts";

/** The imports that every entry of the package needs. */
const { exports } = JSON.parse(sourceText("deno.json"));

/** Prepares a folder for programs that import the package by its name, from this clone. */
export async function makeOwnFolder(folder: string): Promise<void> {
  const imports = Object.entries<string>(exports)
    .map(([entry, file]) => [`@lowrank/core${entry.slice(1)}`, rootPath + file.slice(2)]);
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({ imports: Object.fromEntries(imports) }),
  );
  await Deno.symlink(`${rootPath}models`, `${folder}/models`);
}
