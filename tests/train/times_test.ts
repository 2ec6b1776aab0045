import { assertEquals } from "@std/assert";
import { isTimes, TrainingClock } from "../../src/train/times.ts";

Deno.test("the times of a training are those of all calls that it took", () => {
  let ms = 7000;
  const first = new TrainingClock(undefined, () => ms);
  first.add(2000.128);
  ms += 2500;
  const before = first.times;
  assertEquals(before, { seconds: 2.5, ms: [2000.13] });
  ms = 90_000; // another process
  const second = new TrainingClock(before, () => ms);
  second.add(400);
  ms += 1000;
  assertEquals(second.times, { seconds: 3.5, ms: [2000.13, 400] });
  assertEquals(before.ms, [2000.13]);
});

Deno.test("times that cannot be true are not taken from a checkpoint", () => {
  const good = { seconds: 1, ms: [1, 2] };
  const wrong = [null, 1, { ms: [] }, { seconds: NaN, ms: [] }, { seconds: 1, ms: [-1] }, {
    seconds: 1,
    ms: 3,
  }];
  assertEquals([good, ...wrong].map((times) => isTimes(times, 2)), [
    true,
    ...wrong.map(() => false),
  ]);
  assertEquals([1, 2, 3].map((steps) => isTimes(good, steps)), [false, true, true]);
});
