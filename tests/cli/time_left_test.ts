/** The time left, as a training and a sweep state it. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { countTokens } from "../../src/core/batch.ts";
import { type Course, progressOf, TimeLeft } from "../../src/cli/commands/train/command.ts";
import { type SweepPart, SweepProgress } from "../../src/cli/commands/sweep/command.ts";
import type { StepEvent } from "../../src/train/mod.ts";
import { drawnOf, linesOf } from "../support/lines_on_clock.ts";

const event = (step: number, ms: number, more: Partial<StepEvent> = {}): StepEvent => {
  return { step, ms, loss: 2, gradientNorm: 1, learningRate: 1, counted: 1, ...more };
};

/** The seconds left after each of these steps. */
function leftAfter(course: Course, events: readonly StepEvent[]): (number | undefined)[] {
  const left = new TimeLeft(course);
  return events.map((one) => {
    left.add(one);
    return left.ms && left.ms / 1000;
  });
}

/** Steps of a second from a step on, the first of which takes as many more as `slow` says. */
const seconds = (from: number, count: number, slow = 20) =>
  Array.from({ length: count }, (_, i) => event(from + i, i === 0 ? 1000 * (1 + slow) : 1000));

Deno.test("no time is estimated by the first step, which compiles, nor before 3 more and 3 s", () => {
  const none = undefined, course = { steps: 100 };
  assertEquals(leftAfter(course, seconds(0, 6)), [none, none, none, 96, 95, 94]);
  assertEquals(leftAfter(course, seconds(60, 5)), [none, none, none, 36, 35], "after a resume");
  const quick = Array.from({ length: 50 }, (_, i) => event(i, i === 0 ? 900 : 100));
  assertEquals(leftAfter(course, quick).findIndex((left) => left !== undefined), 30);
});

Deno.test("steps that are read together with the first one compile as it does", () => {
  const blocks = [...Array(16).fill(5000), ...Array(4).fill(1000.5)];
  const left = leftAfter({ steps: 120 }, blocks.map((ms, i) => event(i, ms)));
  assertEquals(left.slice(0, 18), Array(18).fill(undefined));
  assertEquals(Math.round(left.at(-1)!), 100);
});

Deno.test("the latest steps say how long the others take", () => {
  const steps = [...seconds(0, 40), ...Array.from({ length: 32 }, (_, i) => event(40 + i, 3000))];
  assertEquals(leftAfter({ steps: 100 }, steps).at(-1), 3 * 28);
  const quick = (from: number, count: number, ms: number) =>
    Array.from({ length: count }, (_, i) => event(from + i, ms));
  const uneven = [...quick(0, 1, 9), ...quick(1, 500, 20), ...quick(501, 32, 100)];
  const usual = (500 * 20 + 32 * 100) / 532;
  assertAlmostEquals(leftAfter({ steps: 633 }, uneven).at(-1)!, usual / 10, 1e-9, "of 20 s");
});

Deno.test("held-out losses that are still to come take as long as those before", () => {
  const course = { steps: 90, validateEvery: 40 }, point = { step: 0, loss: 1 };
  const [first, ...others] = seconds(0, 41);
  const begun = { ...first, heldOutBefore: point, heldOutMs: 10_000 };
  const left = leftAfter(course, [begun, ...others]);
  assertEquals(left[9], 80 + 3 * 10, "after 40, 80 and 90");
  const measured = { ...others[38], heldOut: point, heldOutMs: 20_000 };
  const later = leftAfter(course, [begun, ...others.slice(0, 38), measured, others[39]]);
  assertEquals(later.slice(-2), [50 + 2 * 15, 49 + 2 * 15]);
  assertEquals(leftAfter(course, seconds(1, 40)).at(-1), 49, "of unknown duration");
});

Deno.test("the last line of a training counts the time before a resume", () => {
  const tokens = { shape: [1, 10], data: new Uint32Array(10) };
  const batches = [{ inputs: { tokens }, targets: { shape: [1, 10], data: new Int32Array(10) } }];
  const lines = linesOf(() => {
    const told = progressOf({ device: "cpu", seed: 0 }, { steps: 62, batches });
    for (const one of seconds(60, 2, 0)) told(one, one.step + 1, { seconds: 339.6, ms: [] });
  });
  assertEquals(lines, [
    "step 61 of 62: loss 2.0000, 10 tokens/s",
    "step 62 of 62: loss 2.0000, 5 min 40 s in all",
  ]);
});

Deno.test("padding is no token", () => {
  const row = (...labels: number[]) => labels.concat(Array(10 - labels.length).fill(-100));
  const tokens = { shape: [2, 10], data: new Uint32Array(20) };
  const scored = { shape: [2, 10], data: Int32Array.from([...row(-100, 7, 7), ...row(7)]) };
  const mask = {
    shape: [2, 10],
    data: Uint32Array.from([...row(1, 1, 1), ...row(1)], (m) => +(m > 0)),
  };
  const classes = { shape: [2], data: new Int32Array(2) };
  assertEquals(countTokens({ inputs: { tokens }, targets: scored }), 4);
  assertEquals(countTokens({ inputs: { tokens, attentionMask: mask }, targets: classes }), 4);
  assertEquals(countTokens({ inputs: { tokens }, targets: classes }), 20);
});

Deno.test("a held-out loss of an earlier step is said to be of that step", () => {
  const tokens = { shape: [1, 10], data: new Uint32Array(10) };
  const batches = [{ inputs: { tokens }, targets: { shape: [1, 10], data: new Int32Array(10) } }];
  const lines = linesOf((clock) => {
    const told = progressOf({ device: "cpu", seed: 0 }, { steps: 9, batches });
    for (const one of [event(0, 1000, { heldOut: { step: 1, loss: 3 } }), event(1, 1000)]) {
      told(one, one.step + 1, { seconds: 1, ms: [] });
      clock.s += 6;
    }
  });
  assertEquals(lines.map((line) => line.split(", ")[1]), [
    "held out 3.0000",
    "held out 3.0000 (step 1)",
  ]);
});

/** Trainings of 100 steps. */
const parts = ["a", "b", "c"].map((name) => {
  const request = { spec: { training: { steps: 100 } }, validation: [] };
  return { words: ["lora", `seed=${name}`], hash: name, request } as unknown as SweepPart;
});

Deno.test("a sweep says the step, the loss and the time left, in which what is made does not count", () => {
  const linesWith = (made: string[], from: number) =>
    linesOf((clock) => {
      const progress = new SweepProgress(parts, new Set(made));
      for (let step = from; step < from + 70; step++) {
        clock.s += step === from ? 10 : 1;
        progress.report(0, event(step, step === from ? 10_000 : 1000));
      }
    });
  assertEquals(linesWith([], 0).slice(0, 3), [
    "sweep 0% loss 2.0000, step 1 of 100, 1 of 3: seed=a, 10 s",
    "sweep 10% loss 2.0000, step 30 of 100, about 6 min left, 1 of 3: seed=a, 39 s",
    "sweep 20% loss 2.0000, step 60 of 100, about 5 min left, 1 of 3: seed=a, 1 min 9 s",
  ]);
  const alone =
    "sweep 30% loss 2.0000, step 90 of 100, less than a minute left, 1 of 3: seed=a, 1 min 39 s";
  assertEquals(linesWith(["b", "c"], 30).at(-1), alone.replace("1 min 39 s", "1 min 9 s"));
});

Deno.test("a sweep of short trainings takes their pace for the next one", () => {
  const lines = linesOf((clock) => {
    const progress = new SweepProgress(parts, new Set());
    for (const part of [0, 1]) {
      for (let step = 0; step < 100; step++) {
        clock.s += 0.02;
        progress.report(part, event(step, 20));
      }
      clock.s += 6;
    }
  });
  assertEquals(
    lines[1],
    "sweep 33% loss 2.0000, step 1 of 100, less than a minute left, 2 of 3: seed=b, 8 s",
  );
});

/** A sweep's line on a terminal, of 36 trainings, the time left known. */
const drawnAt = (columns: number) =>
  drawnOf(columns, (clock) => {
    const long = Array.from({ length: 36 }, (_, i) => {
      const words = ["lora", "rank=8", "learning-rate=0.0003", `seed=${i}`];
      const request = { spec: { training: { steps: 900 } }, validation: [] };
      return { words, hash: `${i}`, request } as unknown as SweepPart;
    });
    const progress = new SweepProgress(long, new Set());
    for (let step = 0; step < 60; step++) {
      clock.s += 0.125;
      progress.report(0, event(step, step === 0 ? 126 : 125));
    }
    progress.clear();
  });

Deno.test("a sweep's line has the loss, the step and the time left in 80 columns, and all in 120", () => {
  const at = "0% loss 2.0000, step 60 of 900, about 68 min left, 1 of 36";
  assertEquals(drawnAt(80).at(-2), `sweep ${"░".repeat(8)} ${at}: seed=0`.slice(0, 79));
  assertEquals(drawnAt(120).at(-2), `sweep ${"░".repeat(12)} ${at}: seed=0, 8 s`);
  assertEquals(drawnAt(0).at(-2), drawnAt(80).at(-2), "of a terminal that does not know");
  assertEquals(drawnAt(80).at(-1), "", "cleared for a sentence");
});
