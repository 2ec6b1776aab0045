/** Memory on the heap after figures are drawn. */

import { assertLess } from "@std/assert";

/** Memory of a figure's queries: 50 kB of heap on average, measured when all of them stayed. */
const bytesOfFigure = 50_000;

Deno.test("a drawn figure leaves nothing on the heap", async () => {
  const program = new URL("drawing_program.ts", import.meta.url).href, count = 22;
  // Without compilers, whose code is on the heap as well and grows for the first hundreds of figures.
  const flags = "--v8-flags=--expose-gc,--no-opt,--no-sparkplug,--no-maglev";
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", flags, program, "10", String(count)],
    signal: AbortSignal.timeout(120_000),
    stderr: "inherit",
  }).output();
  const [before, after] = new TextDecoder().decode(stdout).trim().split("\n").map(Number);
  // All of a figure stays or, but for V8's own records of any work, nothing.
  assertLess((after - before) / count, bytesOfFigure / 2);
});
