/** A stand-in for the folder that `LOWRANK_DATA` names: made-up sentences, and a small encoder in the place of MiniLM. */

import { encoderPath, textTasks } from "../../experiments/methods/texts/tasks.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { withVariables } from "../support/variables.ts";

/**
 * Calls with `LOWRANK_DATA` naming such a folder, which is gone afterwards.
 *
 * @param count Texts in a file: one has to do for all parts of a task.
 */
export const withMadeUpTexts = (
  work: (folder: string) => Promise<void>,
  count = 2500,
): Promise<void> =>
  withFolder(async (folder) => {
    await makeTexts(folder, count);
    await withVariables({ LOWRANK_DATA: folder }, () => work(folder));
  });

async function makeTexts(folder: string, count: number): Promise<void> {
  await Deno.mkdir(`${folder}/models`);
  await Deno.mkdir(`${folder}/classification`);
  await Deno.symlink(`${rootPath}/models/tiny-roberta`, `${folder}/${encoderPath}`);
  const kinds = [["ship", "sailor", "whale", "boat"], ["army", "general", "enemy", "sword"]];
  for (const { name, trainFile, validationFile, testFile } of textTasks) {
    const files = [trainFile, validationFile, testFile].entries();
    for (const [place, file] of files) {
      if (file === undefined) continue;
      const lines = Array.from({ length: count }, (_, i) => {
        const label = i % 2;
        return `${label} the ${kinds[label][(i >> 1) % 4]} is number ${
          place * count + i
        } of ${name}`;
      });
      await Deno.writeTextFile(`${folder}/${file}`, lines.join("\n") + "\n");
    }
  }
}
