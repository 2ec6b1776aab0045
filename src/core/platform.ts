/** The system and the engine beneath the library. @module */

/** True where there is no Deno: a page has no disk, no environment, no threads of ours and no FFI. */
export const inBrowser: boolean = typeof Deno === "undefined";

/** What the last bits of a number may depend on: whether a product and a sum round once, and the like. */
export const platform: string = inBrowser
  ? navigator.userAgent
  : `${Deno.build.target}, V8 ${Deno.version.v8}`;

/** The value of an environment variable; `undefined` where it is not set, not granted, or in a browser. */
export function environmentVariable(variable: string): string | undefined {
  // Asking first keeps a program without --allow-env from being stopped by a prompt.
  if (inBrowser || Deno.permissions.querySync({ name: "env", variable }).state !== "granted") {
    return;
  }
  return Deno.env.get(variable);
}
