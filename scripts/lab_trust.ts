/** Trust in the project's own notebooks. @module */

import { notebooksPath } from "./support/notebook_file.ts";
import { rootPath } from "./support/source_files.ts";
import { labScript } from "./lab_environment.ts";

/** Says what has been trusted. */
const stampPath = `${rootPath}.venv/lowrank_trusted.txt`;

/**
 * Tells Jupyter to trust the notebooks that are as git has them, so that their figures and sliders are live
 * without running every cell. Their outputs come with the code that `deno task lab` runs with all
 * permissions; a notebook that somebody saved since then is not trusted, nor is any where git is missing.
 */
export async function trustCommitted(): Promise<void> {
  const same = await committedNotebooks(notebooksPath);
  const state = (await git(notebooksPath, "rev-parse", "HEAD:./")) + same.join("\n");
  if (same.length === 0 || state === trusted()) return; // Jupyter takes seconds for it
  await output(labScript("jupyter-trust"), same, notebooksPath);
  await Deno.writeTextFile(stampPath, state);
}

/** The notebooks of a folder that are, byte for byte, as its repository has them. */
export async function committedNotebooks(folder: string): Promise<string[]> {
  const lines = (text: string) => text.split("\n").filter((line) => line !== "");
  const committed = lines(await git(folder, "ls-files", "*.ipynb"));
  const changed = lines(await git(folder, "diff", "--name-only", "--relative", "HEAD", "--", "."));
  return committed.filter((name) => !changed.includes(name));
}

function trusted(): string | undefined {
  try {
    return Deno.readTextFileSync(stampPath);
  } catch {
    return undefined;
  }
}

const git = (folder: string, ...args: string[]) => output("git", args, folder);

/** Runs a command in a folder and returns its output; nothing if it fails. */
async function output(command: string, args: string[], cwd: string): Promise<string> {
  try {
    const process = new Deno.Command(command, { args, cwd, stderr: "null" });
    const { success, stdout } = await process.output();
    return success ? new TextDecoder().decode(stdout) : "";
  } catch {
    return "";
  }
}
