/** How the program is called. @module */

import { shellWord } from "../core/quote.ts";

/** What stands before a command where it is typed, in the folder of `deno.json`; helps shorten it. */
export const call = "npx -y deno task lowrank";

/** A path as one word of a shell, which our commands do not take for an option. */
export const pathWord = (path: string): string =>
  shellWord(path.startsWith("-") ? `./${path}` : path);

/** The command that measures an adapter that was made without training. */
export const evaluateNext = (base: string, adapter: string): string =>
  `next, with texts of yours:\n  ${call} evaluate --model ${pathWord(base)} --adapter ${
    pathWord(adapter)
  } --data FILE`;
