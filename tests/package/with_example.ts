/** Running a program of `examples/` as its index says. @module */

import { withFolder } from "../../scripts/support/folders.ts";
import { filesOf, withHub } from "../support/hub_server.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { makeOwnFolder } from "./own_folder.ts";
import { run } from "./run.ts";

/** The index of the examples. */
export const examplesIndex: string = sourceText("examples/README.md");

/** The flags that the index has for a program, or for all that it says nothing else of. */
const flagsOf = (name: string): string[] => {
  const own = new RegExp(`npx -y deno run (.*) examples/${name}\\.ts`).exec(examplesIndex);
  return (own ?? /npx -y deno run (.*) examples\//.exec(examplesIndex)!)[1].split(" ");
};

/** Runs an example in a folder of its own, beside a hub that has the small base. */
export const withExample = (
  name: string,
  use: (folder: string, say: (...args: string[]) => Promise<string>) => Promise<void>,
): Promise<void> =>
  withHub(
    { "openai-community/gpt2": filesOf("models/tiny-gpt2") },
    () =>
      withFolder(async (folder) => {
        await makeOwnFolder(folder);
        await Deno.copyFile(`${rootPath}examples/${name}.ts`, `${folder}/main.ts`);
        await use(folder, (...args) => run(folder, [...flagsOf(name), "main.ts", ...args]));
      }),
  );
