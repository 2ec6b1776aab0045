/** Runs the cells on standard input, a list in JSON, in Deno, and prints what the last one prints. */

import { runCell } from "../../scripts/site/run/kernel/scope.ts";

const cells: string[] = await new Response(Deno.stdin.readable).json();
const { log } = console;
console.log = () => {};
for (const cell of cells.slice(0, -1)) await runCell(cell).catch(console.error);
console.log = log;
await runCell(cells.at(-1)!);
