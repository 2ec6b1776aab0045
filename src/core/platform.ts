/** The system and the engine beneath the library. @module */

const hasDeno = typeof Deno !== "undefined";

/** What the last bits of a number may depend on: whether a product and a sum round once, and the like. */
export const platform: string = hasDeno
  ? `${Deno.build.target}, V8 ${Deno.version.v8}`
  : navigator.userAgent;

/** The value of an environment variable; `undefined` where it is not set, not granted, or in a browser. */
export function environmentVariable(variable: string): string | undefined {
  // Asking first keeps a program without --allow-env from being stopped by a prompt.
  if (!hasDeno || Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return;
  return Deno.env.get(variable);
}
