/**
 * JupyterLab in a virtual environment of this folder, `.venv`, with this very deno as its kernel.
 * Nothing outside of the folder is changed.
 *
 * @module
 */

import { rootPath } from "../tests/support/source_files.ts";

/** Another version asks for another look at `deno task test:lab`. */
const requirement = "jupyterlab==4.6.6";
const environmentPath = `${rootPath}.venv`;
/** Says what has been installed; written last. */
const stampPath = `${environmentPath}/lowrank_lab.txt`;

/** The environment's Python: `python -m jupyterlab`. */
export const labPython = `${environmentPath}/bin/python`;

/** Whether JupyterLab is there in the version that is asked for. */
export function labInstalled(): boolean {
  try {
    Deno.statSync(labPython); // follows the link: the system's Python may have gone
    return Deno.readTextFileSync(stampPath) === requirement;
  } catch {
    return false;
  }
}

/** Makes what is missing of the environment, and points its kernel to this deno. */
export async function prepareLab(): Promise<void> {
  if (!labInstalled()) await install();
  await run(Deno.execPath(), ["jupyter", "--install", "--force"], {
    XDG_DATA_HOME: `${environmentPath}/share`,
  });
}

async function install(): Promise<void> {
  if (!await succeeds("python3", ["-c", "import ensurepip, venv"])) {
    throw new Error(
      "The lab needs Python 3 with venv, found none: install it (on Debian: apt-get install python3-venv) and try again",
    );
  }
  console.log(`installing ${requirement} into .venv: once, half a minute, 350 MB`);
  await run("python3", ["-m", "venv", environmentPath]);
  const quiet = ["--quiet", "--disable-pip-version-check"];
  try {
    await run(labPython, ["-m", "pip", "install", ...quiet, requirement]);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `The lab needs JupyterLab from PyPI, and pip did not get it: try again with a network, or use a Jupyter of your own (README, "In notebooks"). ${message}`,
    );
  }
  await Deno.writeTextFile(stampPath, requirement);
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a command that says nothing unless it fails; then its last line says why, pip's others that it tried. */
async function run(command: string, args: string[], env?: Record<string, string>): Promise<void> {
  const { success, stderr, stdout } = await new Deno.Command(command, { args, env }).output();
  if (success) return;
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  const reason = (err || out).split("\n").at(-1);
  throw new Error(`${command} ${args.join(" ")} failed: ${reason}`);
}

if (import.meta.main) {
  try {
    await prepareLab();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
