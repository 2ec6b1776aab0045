/** Environment of a contender's process, and the machine's name. @module */

import { cpus } from "node:os";
import { stripVTControlCharacters } from "node:util";

/** `2 cores of an AMD EPYC`: what the system counts as a core may be half of one. */
export function machineName(processors: readonly { readonly model: string }[] = cpus()): string {
  const { length } = processors, model = processors[0].model.trim();
  const cores = length === 1 ? "core" : "cores", article = /^[aeiou]/i.test(model) ? "an" : "a";
  return `${length} ${cores} of ${article} ${model}`;
}

/** Settings that other work on this machine makes slow are not PyTorch's; without BLAS means off. */
export function environmentOf(variant: string): Record<string, string> {
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...rest } = Deno.env.toObject();
  const blas: Record<string, string> = /^cpu/.test(variant) ? { LOWRANK_BLAS: "off" } : {};
  return { DENO_WEBGPU_BACKEND: "vulkan", ...rest, ...blas };
}

/** Date and machine of a run. */
export interface Setting {
  readonly date: string;
  readonly deno: string;
  /** Processors as the system names them. */
  readonly machine: string;
}

/** The setting of this run. */
export function settingOf(): Setting {
  return {
    date: new Date().toISOString().slice(0, 10),
    deno: Deno.version.deno,
    machine: machineName(),
  };
}

/** The commit of the clone, with `-dirty` if files differ from it. */
export async function commitOf(folder: URL): Promise<string> {
  const args = ["describe", "--always", "--dirty", "--exclude=*"];
  try {
    const { stdout } = await new Deno.Command("git", { args, cwd: folder }).output();
    return new TextDecoder().decode(stdout).trim() || "unknown";
  } catch {
    return "unknown";
  }
}

/**
 * Reason of a program's failure: Deno prints it in the first line of its error, Python in the last
 * one.
 */
export function reasonOf(stderr: Uint8Array): string {
  const lines = stripVTControlCharacters(new TextDecoder().decode(stderr)).trim().split("\n");
  return (lines.find((line) => line.startsWith("error: ")) ?? lines.at(-1)!).slice(0, 200);
}

/**
 * The last line that a contender's program prints.
 *
 * @param settings Further variables of its environment.
 * @throws {Error} when it fails, with what it says on standard error.
 */
export async function lastLineOf(
  variant: string,
  program: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const env = { ...environmentOf(variant), ...settings };
  const { success, stdout, stderr } = await new Deno.Command(program, {
    ...{ args: [...args], env, clearEnv: true },
  }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${reasonOf(stderr)}`);
  return new TextDecoder().decode(stdout).trim().split("\n").pop()!;
}

/**
 * Names the contenders' imports that a Python lacks, found without importing; `undefined` if none.
 */
export async function missingInPython(python: string): Promise<string | undefined> {
  const code = "import importlib.util as u, sys; " +
    "print(', '.join(name for name in sys.argv[1:] if not u.find_spec(name)))";
  const args = ["-c", code, "torch", "transformers", "peft"];
  const found = await lastLineOf("cpu", python, args).then(
    (missing) => missing && `${python} has no ${missing}`,
    (error: Error) => error.message,
  );
  return found === "" ? undefined : `${found}; LOWRANK_PYTHON names another Python`;
}
