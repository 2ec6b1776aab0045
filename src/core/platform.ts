/** The operating system and JavaScript engine that the library runs on. @module */

/**
 * True if there is no Deno: a page has no disk, no environment variables, no worker threads of ours and
 * no FFI.
 */
export const inBrowser: boolean = typeof Deno === "undefined";

/**
 * The platform and the engine, on which the last bits of a result may depend: multiply-add, for
 * one, may round once or twice.
 */
export const platform: string = inBrowser
  ? navigator.userAgent
  : `${Deno.build.target}, V8 ${Deno.version.v8}`;

/** The value of an environment variable; `undefined` if it is not set, not granted, or in a browser. */
export function environmentVariable(variable: string): string | undefined {
  // Asking first keeps a program without --allow-env from being stopped by a prompt.
  if (inBrowser || Deno.permissions.querySync({ name: "env", variable }).state !== "granted") {
    return;
  }
  return Deno.env.get(variable);
}
