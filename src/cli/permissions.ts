/** Least permission: what each command keeps of what the process was granted. @module */

/** What a command can need. It starts no program, asks for nothing about the system, and imports nothing. */
type Permission = "read" | "write" | "net" | "ffi";

/** The options that add to what a command needs. */
type Options = Readonly<Record<string, unknown>>;

/** Files in, and the system's BLAS to compute with; then also files out. */
const computing = ["read", "ffi"] as const, saving = ["read", "write", "ffi"] as const;

const needs: Readonly<Record<string, (options: Options) => readonly Permission[]>> = {
  devices: () => ["ffi"],
  count: ({ url }) => [url === undefined ? "read" : "net"],
  memory: () => ["read"],
  paper: () => [],
  train: () => saving,
  evaluate: () => computing,
  generate: () => computing,
  logits: () => saving,
  gradients: () => saving,
  merge: () => ["read", "write"],
  inspect: ({ intruders }) => intruders ? computing : ["read"],
  compare: ({ html }) => html === undefined ? ["read"] : ["read", "write"],
  resize: () => saving,
};

const droppable = ["read", "write", "net", "ffi", "run", "sys"] as const;

/**
 * Gives up every permission that a command does not need, for good: what a hostile file may make of a
 * fault in the code that reads it ends there. Environment variables stay as granted.
 */
export function keepNeeded(command: string, options: Options): void {
  const kept: readonly string[] = neededBy(command, options);
  for (const name of droppable) {
    if (!kept.includes(name)) Deno.permissions.revokeSync({ name });
  }
}

/** The permissions that a command needs; the kernels of a package that is run over HTTP are fetched. */
export function neededBy(command: string, options: Options): readonly Permission[] {
  const needed = needs[command](options);
  return import.meta.url.startsWith("file:") ? needed : [...needed, "net"];
}
