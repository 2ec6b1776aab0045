/**
 * JupyterLab in a virtual environment of this folder, `.venv`, with this very deno as its kernel, and a BLAS
 * for it. Nothing outside of the folder is changed.
 *
 * @module
 */

import { rootPath } from "./support/source_files.ts";

/** Another version asks for another look at `deno task test:lab`. */
const requirements = ["jupyterlab==4.6.6", "scipy-openblas32==0.3.34.481.3"];
const environmentPath = `${rootPath}.venv`;
/** A path without Python's version, at which the `cpu` device finds the library. */
const blasPath = `${environmentPath}/lib/libscipy_openblas.so`;
/** Says what has been installed; written last. */
const stampPath = `${environmentPath}/lowrank_lab.txt`;

/** The environment's Python: `python -m jupyterlab`. */
export const labPython = `${environmentPath}/bin/python`;

/** A command that is installed there. */
export const labScript = (name: string): string => `${environmentPath}/bin/${name}`;

/** Settings that readers can change: no question about Jupyter's news over the first notebook. */
const overrides = {
  "@jupyterlab/apputils-extension:notification": { fetchNews: "false", checkForUpdates: false },
};

/** True if JupyterLab is there in the version that is asked for. */
export function labInstalled(): boolean {
  try {
    Deno.statSync(labPython); // follows the link: the system's Python may have gone
    return Deno.readTextFileSync(stampPath) === requirements.join("\n");
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
  console.log("installing JupyterLab and OpenBLAS into .venv: once, about a minute, 270 MB");
  await run("python3", ["-m", "venv", environmentPath]);
  const quiet = ["--quiet", "--disable-pip-version-check"];
  try {
    await run(labPython, ["-m", "pip", "install", ...quiet, ...requirements]);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `The lab needs JupyterLab and OpenBLAS from PyPI, and pip did not get it: try again with a network, or use a Jupyter of your own (docs/notebooks.md). ${message}`,
    );
  }
  await linkBlas();
  const settings = `${environmentPath}/share/jupyter/lab/settings`;
  await Deno.mkdir(settings, { recursive: true });
  await Deno.writeTextFile(`${settings}/overrides.json`, JSON.stringify(overrides));
  await Deno.writeTextFile(stampPath, requirements.join("\n"));
}

async function linkBlas(): Promise<void> {
  const ask = "import scipy_openblas32 as b; print(b.get_lib_dir() + '/' + b.get_library(True))";
  const library = await run(labPython, ["-c", ask]);
  await Deno.remove(blasPath).catch(() => {}); // of an earlier version
  await Deno.symlink(library, blasPath);
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

/**
 * Runs a command and returns its output; if it fails, the message is its last line, as pip's others
 * list the versions that it tried.
 */
async function run(command: string, args: string[], env?: Record<string, string>): Promise<string> {
  const { success, stderr, stdout } = await new Deno.Command(command, { args, env }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (success) return out;
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
