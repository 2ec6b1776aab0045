/** Program of `terminal_test.ts`: every part of the notebook entry, without a kernel. */

import {
  check,
  liveFigure,
  progress,
  runExperiment,
  setup,
  show,
  slider,
  stoppable,
  tex,
} from "../../src/notebook/mod.ts";

await setup();
await show([tex("s = 1"), NaN]);
await check("one is one", true, "1");
const bar = progress("counting");
bar.report(0.5, "half");
await bar.done("all");
const live = liveFigure(), y: number[] = [];
const figure = () => ({
  id: "y",
  title: "y",
  caption: `${y.length} values`,
  data: [{ type: "scatter" as const, y }],
  layout: {},
});
y.push(1);
live.draw(figure());
await live.done(figure());
await slider({ rank: [1, 2] }, ({ rank }) => `rank is ${rank}`);
await show((await runExperiment("counting")).findings);
await stoppable(async (signal) => {
  for (let step = 1; true; step++) {
    signal.throwIfAborted();
    bar.report(0, `step ${step}`);
    if (step === 3) Deno.kill(Deno.pid, "SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
await check("two is one", false, "2");
