import { assertEquals, assertThrows } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  scheduleOf,
} from "../../src/train/mod.ts";

const golden = new URL("../golden/trajectories/", import.meta.url);
const read = async (name: string) => JSON.parse(await Deno.readTextFile(new URL(name, golden)));

for (const run of ["full_linear", "full_cosine"]) {
  Deno.test(`schedule: ${run} has the learning rates of transformers`, async () => {
    const { schedule, steps, warmupSteps, learningRate } = await read(`${run}.config.json`);
    const factor = scheduleOf(schedule, { steps, warmupSteps });
    const rates = Array.from({ length: steps }, (_, step) => learningRate * factor(step));
    const { learningRate: expected } = await read(`${run}.log.json`);
    assertAllClose(rates, expected, { relative: 1e-15, absolute: 0 });
  });
}

Deno.test("schedule: a warm-up starts at 0 and reaches 1, a descent ends at its floor and stays", () => {
  const options = { steps: 20, warmupSteps: 4, floor: 0.05 };
  for (const schedule of [linearSchedule(options), cosineSchedule(options)]) {
    assertEquals([0, 1, 2, 4].map(schedule), [0, 0.25, 0.5, 1]);
    assertAllClose([schedule(12), schedule(20), schedule(99)], [0.525, 0.05, 0.05]);
  }
  assertEquals([0, 1, 2, 1000].map(constantSchedule({ warmupSteps: 2 })), [0, 0.5, 1, 1]);
});

Deno.test("schedule: without warm-up the first step has the full rate", () => {
  for (const name of ["constant", "linear", "cosine"] as const) {
    assertEquals(scheduleOf(name, { steps: 10 })(0), 1);
  }
});

Deno.test("schedule: counts of steps are whole numbers, and a floor is one", () => {
  for (const wrong of [NaN, -1, 1.5, 2 ** 53]) {
    const rule = "to be a whole number, 0 or more, found";
    for (const name of ["constant", "linear", "cosine"] as const) {
      assertThrows(
        () => scheduleOf(name, { steps: 10, warmupSteps: wrong }),
        RangeError,
        `a schedule needs warmupSteps ${rule} ${wrong}`,
      );
    }
    assertThrows(() => cosineSchedule({ steps: wrong }), RangeError, `steps ${rule} ${wrong}`);
  }
  for (const floor of [NaN, -0.1, Infinity]) {
    assertThrows(() => linearSchedule({ steps: 1, floor }), RangeError, `found ${floor}`);
  }
});

Deno.test("schedule: an unknown name is named", () => {
  const name = "step" as "linear";
  assertThrows(
    () => scheduleOf(name, { steps: 1 }),
    RangeError,
    'constant, linear or cosine, found "step"',
  );
});
