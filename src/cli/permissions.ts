/** Least permission: what each command keeps of what the process was granted. @module */

import { libraryWanted } from "../blas/mod.ts";
import { isHubName } from "../core/hub/name.ts";
import { closeFfi } from "../linalg/mod.ts";
import { readGrid } from "./sweep_grid.ts";

/**
 * The needs of commands: the network, files in and out, and the system's BLAS, which `device` opens for a
 * device with its threads, and `library` for a decomposition. No command starts a program, asks for anything
 * about the system, or imports.
 */
type Need = "read" | "write" | "net" | "device" | "library";

/** The options and arguments that add to what a command needs. */
type Options = Readonly<Record<string, unknown>>;

const computing = ["read", "device"] as const, saving = ["read", "write", "device"] as const;
const decomposing = ["read", "write", "library"] as const;

const needs: Readonly<Record<string, (options: Options) => readonly Need[]>> = {
  devices: () => ["device"],
  count: ({ url }) => [url === undefined ? "read" : "net"],
  memory: () => ["read"],
  paper: () => [],
  train: () => saving,
  sweep: () => saving,
  evaluate: ({ model }) => model === undefined ? ["read"] : computing,
  generate: () => computing,
  serve: () => ["read", "net", "device"],
  logits: () => saving,
  gradients: () => saving,
  merge: () => ["read", "write"],
  inspect: ({ intruders }) => intruders ? ["read", "library"] : ["read"],
  compare: ({ html }) => html === undefined ? ["read"] : ["read", "write"],
  resize: () => ["read", "write"],
  combine: () => decomposing,
  extract: () => decomposing,
  convert: () => decomposing,
  quantize: () => ["read", "write"],
  pull: () => ["read", "write", "net"],
};

const droppable = ["read", "write", "net", "run", "sys"] as const;

/**
 * Gives up every permission that a command does not need, for good: what a hostile file may make of a
 * fault in the code that reads it ends there. FFI, which is worth all other permissions, is given up as
 * soon as the BLAS is open. Of the environment the hub's token is given up where nothing is of the hub.
 *
 * @returns What gives up FFI, if the command opens a device: to be called when it is open.
 * @throws {Error} when the file of a sweep, which names its models, cannot be used.
 */
export async function keepNeeded(
  command: string,
  options: Options,
  args: readonly string[] = [],
): Promise<(() => void) | undefined> {
  if (!libraryWanted()) Deno.permissions.revokeSync({ name: "ffi" });
  const choices = command === "sweep" ? (await readGrid(args[0])).choices : [];
  const named = choices.flatMap((choice) => Object.values(choice).map(String));
  const all = [...args, ...named], kept: readonly string[] = neededBy(command, options, all);
  for (const name of droppable) {
    if (!kept.includes(name)) Deno.permissions.revokeSync({ name });
  }
  if (!usesHub(options, all)) Deno.permissions.revokeSync({ name: "env", variable: "HF_TOKEN" });
  if (kept.includes("device")) return closeFfi;
  if (kept.includes("library")) closeFfi();
  else Deno.permissions.revokeSync({ name: "ffi" });
}

/**
 * The permissions that a command needs. What is on the hub is downloaded to its cache; the kernels of a
 * package that is run over HTTP are fetched.
 */
export function neededBy(
  command: string,
  options: Options,
  args: readonly string[] = [],
): readonly Need[] {
  const needed = new Set(needs[command](options));
  if (usesHub(options, args)) {
    for (const name of ["read", "write", "net"] as const) needed.add(name);
  }
  if (!import.meta.url.startsWith("file:")) needed.add("net");
  return [...needed];
}

function usesHub(options: Options, args: readonly string[]): boolean {
  return [...Object.values(options).flat(), ...args].some(isHubName);
}
