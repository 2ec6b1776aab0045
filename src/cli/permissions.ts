/** Least permission: what each command keeps of what the process was granted. @module */

import { isHubName } from "../core/hub/name.ts";
import { readGrid } from "./sweep_grid.ts";

/** What a command can need. It starts no program, asks for nothing about the system, and imports nothing. */
type Permission = "read" | "write" | "net" | "ffi";

/** The options and arguments that add to what a command needs. */
type Options = Readonly<Record<string, unknown>>;

/** Files in, and the system's BLAS to compute with; then also files out. */
const computing = ["read", "ffi"] as const, saving = ["read", "write", "ffi"] as const;

const needs: Readonly<Record<string, (options: Options) => readonly Permission[]>> = {
  devices: () => ["ffi"],
  count: ({ url }) => [url === undefined ? "read" : "net"],
  memory: () => ["read"],
  paper: () => [],
  train: () => saving,
  sweep: () => saving,
  evaluate: () => computing,
  generate: () => computing,
  serve: () => ["read", "net", "ffi"],
  logits: () => saving,
  gradients: () => saving,
  merge: () => ["read", "write"],
  inspect: ({ intruders }) => intruders ? computing : ["read"],
  compare: ({ html }) => html === undefined ? ["read"] : ["read", "write"],
  resize: () => ["read", "write"],
  combine: () => saving,
  extract: () => saving,
  convert: () => saving,
  quantize: () => ["read", "write"],
  pull: () => ["read", "write", "net"],
};

const droppable = ["read", "write", "net", "ffi", "run", "sys"] as const;

/**
 * Gives up every permission that a command does not need, for good: what a hostile file may make of a
 * fault in the code that reads it ends there. Environment variables stay as granted.
 *
 * @throws {Error} when the file of a sweep, which names its models, cannot be used.
 */
export async function keepNeeded(
  command: string,
  options: Options,
  args: readonly string[] = [],
): Promise<void> {
  const choices = command === "sweep" ? (await readGrid(args[0])).choices : [];
  const named = choices.flatMap((choice) => Object.values(choice).map(String));
  const kept: readonly string[] = neededBy(command, options, [...args, ...named]);
  for (const name of droppable) {
    if (!kept.includes(name)) Deno.permissions.revokeSync({ name });
  }
}

/**
 * The permissions that a command needs. What is on the hub is downloaded to its cache; the kernels of a
 * package that is run over HTTP are fetched.
 */
export function neededBy(
  command: string,
  options: Options,
  args: readonly string[] = [],
): readonly Permission[] {
  const needed = new Set(needs[command](options));
  const usesHub = [...Object.values(options).flat(), ...args].some(isHubName);
  if (usesHub) { for (const name of ["read", "write", "net"] as const) needed.add(name); }
  if (!import.meta.url.startsWith("file:")) needed.add("net");
  return [...needed];
}
