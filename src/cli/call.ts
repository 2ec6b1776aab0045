/** How the program is called. @module */

/** What stands before a command where it is typed, in the folder of `deno.json`; helps shorten it. */
export const call = "npx -y deno task lowrank";

/** A path as a shell takes it for one word. */
export const quoted = (path: string): string =>
  /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** The command that measures an adapter that was made without training. */
export const evaluateNext = (base: string, adapter: string): string =>
  `next, with texts of yours:\n  ${call} evaluate --model ${quoted(base)} --adapter ${
    quoted(adapter)
  } --data FILE`;
