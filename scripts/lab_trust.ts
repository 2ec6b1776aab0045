/** Trust in the project's own notebooks. @module */

import { notebooksPath } from "../tests/support/notebook_file.ts";
import { rootPath } from "../tests/support/source_files.ts";
import { labScript } from "./lab_environment.ts";

/**
 * Tells Jupyter to trust the notebooks that are as git has them, so that their figures and sliders are live
 * without running every cell. Their outputs come with the code that `deno task lab` runs with all
 * permissions; a notebook that somebody saved since then is not trusted, nor is any where git is missing.
 */
export async function trustCommitted(): Promise<void> {
  const committed = lines(await output("git", ["ls-files", "*.ipynb"]));
  const changed = lines(
    await output("git", ["diff", "--name-only", "--relative", "HEAD", "--", "."]),
  );
  const same = committed.filter((name) => !changed.includes(name));
  const state = (await output("git", ["rev-parse", "HEAD:./"])) + same.join("\n");
  if (same.length === 0 || state === trusted()) return; // Jupyter takes seconds for it
  await output(labScript("jupyter-trust"), same);
  await Deno.writeTextFile(stampPath, state);
}

/** Says what has been trusted. */
const stampPath = `${rootPath}.venv/lowrank_trusted.txt`;

function trusted(): string | undefined {
  try {
    return Deno.readTextFileSync(stampPath);
  } catch {
    return undefined;
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** What a command prints in the folder of the notebooks; nothing if it fails. */
async function output(command: string, args: string[]): Promise<string> {
  try {
    const process = new Deno.Command(command, { args, cwd: notebooksPath, stderr: "null" });
    const { success, stdout } = await process.output();
    return success ? new TextDecoder().decode(stdout) : "";
  } catch {
    return "";
  }
}
