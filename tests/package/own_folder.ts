/** A folder of a user's own: the deno.json that the guide gives, the clone's models and texts. @module */

import { rootPath, sourceText } from "../../scripts/support/source_files.ts";

/** Prepares a folder for programs that import the package by its name, from this clone. */
export async function makeOwnFolder(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/deno.json`, guideConfig().replace("../lowrank", rootPath));
  for (const name of ["models", "examples"]) {
    await Deno.symlink(`${rootPath}${name}`, `${folder}/${name}`);
  }
}

/** The configuration in the guide, where the clone is `../lowrank`. */
export function guideConfig(): string {
  const [, config] = /```json\n([\s\S]*?)```/.exec(sourceText("docs/notebooks.md"))!;
  return config;
}
