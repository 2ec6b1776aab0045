import { assertAlmostEquals, assertEquals } from "@std/assert";
import { durationText, JobTime, roughDuration } from "../../src/terminal/progress.ts";

/** A job of three parts on a clock that the test moves. */
function timed(expected?: Record<string, number>) {
  const clock = { s: 0 };
  return { clock, time: new JobTime(["a", "b", "c"], expected, () => 1000 * clock.s) };
}

Deno.test("a job's share weighs its parts by what they are expected to take", () => {
  const { time } = timed({ a: 10, b: 30, c: 60 });
  const shares = [time.share];
  for (const [part, reached] of [["a", 0.5], ["b", 0], ["b", 0.5], ["c", 1]] as const) {
    if (reached !== 0.5 || part === "a") time.begin(part);
    time.report(reached);
    shares.push(time.share);
  }
  time.end();
  assertEquals([...shares, time.share], [0, 0.05, 0.1, 0.25, 1, 1]);
});

Deno.test("the rest is not estimated before 10 s and 5% of the job, nor without expectations", () => {
  const { clock, time } = timed({ a: 10, b: 30, c: 60 });
  time.begin("a");
  time.report(0.9);
  assertEquals([clock.s = 9, time.msLeft], [9, undefined]);
  time.report(0.4);
  assertEquals([clock.s = 60, time.msLeft], [60, undefined]);
  const equal = timed();
  equal.time.begin("a");
  equal.time.report(0.9);
  equal.clock.s = 100;
  assertEquals([equal.time.share.toFixed(3), equal.time.msLeft], ["0.300", undefined]);
});

Deno.test("a machine twice as slow as expected has twice the time left", () => {
  const { clock, time } = timed({ a: 10, b: 30, c: 60 });
  time.begin("a");
  clock.s = 20;
  time.begin("b");
  assertAlmostEquals(time.msLeft!, 180_000);
});

Deno.test("the part under way is judged by its own pace once that is known", () => {
  const { clock, time } = timed({ a: 10, b: 30, c: 60 });
  time.begin("a");
  clock.s = 10; // as expected
  time.begin("b");
  clock.s = 25; // half of b in half of its time
  time.report(0.5);
  assertAlmostEquals(time.msLeft!, 75_000);
  clock.s = 70; // half of b in twice its time: c waits with the pace of all so far, 70 s for 25
  assertAlmostEquals(time.msLeft!, 60_000 + 60_000 * 70 / 25);
});

Deno.test("times are said as people say them", () => {
  assertEquals([400, 42_300, 185_000, 7_800_000].map(durationText), [
    ...["0 s", "42 s", "3 min 5 s", "2 h 10 min"],
  ]);
  assertEquals([20_000, 61_000, 240_000, 7_800_000].map(roughDuration), [
    ...["less than a minute", "about 2 min", "about 4 min", "about 2 h"],
  ]);
});
