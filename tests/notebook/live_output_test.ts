import { assertEquals } from "@std/assert";
import { LiveOutput, settle } from "../../src/notebook/live_output.ts";

/** A drawing that takes as long. */
const slow = (ms: number) => () => {
  const started = performance.now();
  while (performance.now() - started < ms);
  return {};
};

/** The first to finish: the work, or a timer in the middle of the pause after a drawing. */
async function first(work: (output: LiveOutput) => Promise<void>): Promise<string> {
  const output = new LiveOutput(), drawn = Promise.withResolvers<void>();
  output.draw(() => (drawn.resolve(), slow(500)()));
  await drawn.promise;
  const timer = Promise.withResolvers<string>(), id = setTimeout(() => timer.resolve("rest"), 1200);
  const winner = await Promise.race([work(output).then(() => "work"), timer.promise]);
  clearTimeout(id);
  await settle();
  return winner;
}

Deno.test("the last drawing does not wait for the pause after the previous one", async () => {
  assertEquals(await first((output) => output.done(() => ({}))), "work");
});

Deno.test("when work is stopped, pending drawings are drawn at once", async () => {
  let drawings = 0;
  const winner = await first((output) => {
    output.draw(() => (drawings++, {}));
    return settle();
  });
  assertEquals([winner, drawings], ["work", 1]);
});

Deno.test("a drawing in between waits for its turn", async () => {
  const winner = await first((output) =>
    new Promise((resolve) => output.draw(() => (resolve(), {})))
  );
  assertEquals(winner, "rest");
});
