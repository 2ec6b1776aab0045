/** How the program is called. @module */

/** What stands before a command where it is typed, in the folder of `deno.json`; helps shorten it. */
export const call = "npx -y deno task lowrank";
