/** Progress, live figures and the Stop button in a real kernel. */

import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { bundleOf, Cells } from "./cells.ts";

const pause = "await new Promise((resolve) => setTimeout(resolve, 1));";

/** Drawn at most ten times a second, and always in its last state. */
async function checkBar(cells: Cells): Promise<void> {
  let messages = 0;
  const started = performance.now();
  const { outputs } = await cells.run(
    `const bar = progress("counting");
for (let i = 1; i <= 400; i++) { bar.report(i / 500, \`\${i} of 500\`); ${pause} }
await bar.done("counted 400");`,
    () => messages++,
  );
  assertLessOrEqual(messages, 2 + (performance.now() - started) / 100);
  assert(messages > 2);
  assertEquals(outputs.length, 1);
  assertMatch(
    String(bundleOf(outputs[0])["text/plain"]),
    /^counting █{28} 100% counted 400, \d+ s$/,
  );
}

async function checkLiveFigure(cells: Cells): Promise<void> {
  const bundle = await cells.bundle(`const live = liveFigure(), y = [1, 2];
const figure = () => ({ id: "y", title: "y", caption: \`step \${y.length}\`, data: [{ y: [...y] }], layout: {} });
for (let i = 0; i < 50; i++) { y.push(i); live.draw(figure()); ${pause} }
await live.done(figure());`);
  assertEquals(Object.keys(bundle).toSorted(), [
    "application/vnd.plotly.v1+json",
    "image/svg+xml",
    "text/html",
    "text/plain",
  ]);
  assertMatch(String(bundle["text/plain"]), /^\[figure\] y\nstep 52\n/);
}

Deno.test("progress, live figures and Stop, which ends a loop at its next step", async (t) => {
  await using cells = await Cells.start();
  await t.step("a bar is one output", () => checkBar(cells));
  await t.step(
    "a live figure is a picture while it changes and ends as a bundle",
    () => checkLiveFigure(cells),
  );
  const { kernel } = cells;
  /** Presses Stop at the n-th output. */
  const stopAt = (n: number) => () => --n === 0 && kernel.interrupt();

  await t.step("a loop that throws", async () => {
    const { status, outputs } = await cells.run(
      `let step = 0;
const value = await stoppable(async (signal) => {
  const bar = progress("looping");
  for (; step < 5000; step++) { signal.throwIfAborted(); bar.report(step / 5000, \`step \${step}\`); ${pause} }
  return "all";
});`,
      stopAt(3),
    );
    assertEquals([status, outputs.length], ["ok", 2]);
    const at = Number(
      /^stopped at step (\d+)$/.exec(String(bundleOf(outputs[1])["text/plain"]))?.[1],
    );
    const state = await cells.text("await show([step, value === undefined ? 1 : 0]);");
    assert([`[ ${at}, 1 ]`, `[ ${at + 1}, 1 ]`].includes(state), state);
  });

  await t.step("one that returns what it has", async () => {
    const code = `const half = await stoppable(async (signal) => {
  await show("going");
  while (!signal.aborted) { ${pause} }
  return "half";
});`;
    const { outputs } = await cells.run(code, stopAt(1));
    assertEquals(bundleOf(outputs[1])["text/plain"], "stopped; results so far are kept");
    assertEquals(await cells.text("await show(half);"), "half");
  });

  await t.step("an inner one is part of the outer one", async () => {
    const code = `let after = 0;
await stoppable(async () => {
  await show("going");
  await stoppable(async (signal) => { while (true) { signal.throwIfAborted(); ${pause} } });
  after++;
});`;
    const { outputs } = await cells.run(code, stopAt(1));
    assertEquals(outputs.length, 2);
    assertEquals(await cells.text("await show(after);"), "0");
  });

  await t.step("a second Stop while it stops does no harm", async () => {
    const code = `await stoppable(async (signal) => {
  await show("going");
  while (!signal.aborted) { ${pause} }
  await show("stopping");
  for (let i = 0; i < 50; i++) ${pause}
});`;
    let shown = 0;
    const { status, outputs } = await cells.run(code, () => ++shown <= 2 && kernel.interrupt());
    assertEquals([status, outputs.length, outputs[2].output_type], ["ok", 4, "stream"]);
    assertEquals(bundleOf(outputs[3])["text/plain"], "stopped; results so far are kept");
  });

  await t.step("other errors stay errors", async () => {
    const code = `await stoppable(() => Promise.reject(new Error("its own")));`;
    assertEquals((await cells.run(code)).status, "error");
    const afterStop = `await stoppable(async (signal) => {
  await show("going");
  while (!signal.aborted) { ${pause} }
  throw new Error("its own, after Stop");
});`;
    const { status, outputs } = await cells.run(afterStop, stopAt(1));
    const { evalue } = outputs.at(-1) as { evalue?: string };
    assertEquals([status, evalue], ["error", "its own, after Stop"]);
  });

  await t.step("training stops at a step, and the adapter keeps what it learned", async () => {
    const code = `import { injectLora, loadModel, openDevice, train } from "@lowrank/core";
const model = await loadModel(await openDevice({ kind: "cpu" }), "../../models/tiny-gpt2");
const adapter = injectLora(model, { rank: 2, sites: ["q"], seed: 1 });
const tokens = { shape: [1, 8], data: Uint32Array.from({ length: 8 }, (_, i) => i) };
const batches = [{ inputs: { tokens }, targets: { ...tokens, data: Int32Array.from(tokens.data) } }];
let steps = 0;
await stoppable(async (signal) => {
  const bar = progress("training");
  for await (const { step } of train(model, batches, { learningRate: 1e-3, steps: 1e5, signal })) {
    bar.report(step / 1e5, \`step \${steps = step + 1} of 100000\`);
  }
  await bar.done("all steps");
});`;
    const { status, outputs } = await cells.run(code, stopAt(3));
    assertEquals([status, outputs.length], ["ok", 2]);
    const text = await cells.text("await show(`stopped at step ${steps} of 100000`);");
    assertEquals(bundleOf(outputs[1])["text/plain"], text);
    assertMatch(String(bundleOf(outputs[0])["text/plain"]), /^training ░+ 0% step /);
    const moved =
      "await show((await adapter.read())[0].B.data.some((value) => value !== 0) ? 1 : 0);";
    assertEquals(await cells.text(moved), "1");
  });

  await t.step(
    "a cell in the queue behind one that was stopped runs, and can be stopped",
    async () => {
      const code = `{
  const live = liveFigure(), y = [1, 2];
  const figure = () => ({ id: "y", title: "y", caption: "drawn", data: [{ y: [...y] }], layout: {} });
  await stoppable(async (signal) => {
    while (true) { signal.throwIfAborted(); live.draw(figure()); ${pause} }
  });
  await live.done(figure());
}`;
      const queued = [1, 2].map(() => kernel.execute(code, 60_000, stopAt(1)));
      for (const { status, outputs } of await Promise.all(queued)) {
        const [picture, said] = outputs.map((output) => String(bundleOf(output)["text/plain"]));
        assertEquals([status, said], ["ok", "stopped at drawn"], picture);
      }
    },
  );

  await t.step("a stopped experiment has no outcome, and says so", async () => {
    const { status, outputs } = await cells.run(
      `const outcome = await runExperiment("survival");`,
      stopAt(1),
    );
    assertEquals(status, "error");
    assertMatch(String(bundleOf(outputs[1])["text/plain"]), /^stopped/);
    assertMatch(JSON.stringify(outputs.at(-1)), /survival has no outcome: it was stopped/);
  });

  await t.step("where nothing can be stopped it says so", async () => {
    const code = `let pressed = 0; Deno.addSignalListener("SIGINT", () => pressed++);
await show("going"); for (let i = 0; i < 100; i++) ${pause}`;
    const { status, outputs } = await cells.run(code, stopAt(1));
    assertEquals([status, outputs[1].output_type], ["ok", "stream"]);
    const text = await cells.text("await show(pressed);");
    assertEquals(text, "1", "a listener of the reader's own is called too");
  });
});
