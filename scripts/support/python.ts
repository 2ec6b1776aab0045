/**
 * A Python with packages that the reference tier compares with: `LOWRANK_PYTHON`, else `python3`.
 *
 * @module
 */

import { rootPath } from "./source_files.ts";

/** Its path. */
export const pythonCommand: string = Deno.env.get("LOWRANK_PYTHON") ?? "python3";

/** Runs a script of the repository and gives its exit code and all that it printed. */
export async function runPython(
  script: string,
  args: readonly string[],
): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(pythonCommand, {
    args: [script, ...args],
    cwd: rootPath,
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** True if all the packages can be imported. */
export async function pythonHas(...packages: readonly string[]): Promise<boolean> {
  try {
    const program = packages.map((name) =>
      `import importlib.util as u; assert u.find_spec("${name}")`
    );
    const { success } = await new Deno.Command(pythonCommand, {
      args: ["-c", program.join("\n")],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}
