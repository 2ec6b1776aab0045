/** The parts of the playground that need no page. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { SiteSpectrum } from "../../playground/adapter.ts";
import { drawChart, short, ticks } from "../../playground/draw/chart.ts";
import { colorOf } from "../../playground/draw/heatmap.ts";
import { countMemory, models } from "../../playground/memory.ts";
import { type LessonReading, openLesson } from "../../src/lesson/lesson.ts";
import { isAnswered, stepsOfStop, stops } from "../../playground/path.ts";
import { mergeLesson } from "../../src/lesson/lesson.ts";
import {
  choices,
  fitted,
  formatState,
  initial,
  parseState,
  settingsOf,
  type State,
  stateAt,
} from "../../playground/state.ts";
import { sitesChart } from "../../playground/views/adapter.ts";
import { lossChart } from "../../playground/views/charts.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { difference, frobeniusNorm } from "../../src/linalg/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";

Deno.test("an address holds every setting, and one that is unknown or out of range is as at first", () => {
  assertEquals(parseState(""), initial);
  assertEquals(formatState(initial), "");
  for (const [key, values] of Object.entries(choices)) {
    for (const value of values) {
      const state = fitted({ ...initial, [key]: value } as State);
      assertEquals(parseState(formatState(state)), state, `${key}=${value}`);
    }
  }
  assertEquals(parseState("#rank=5&alpha=-1&start=x&model=__proto__&steps=-3&width=16"), initial);
  assertEquals(parseState("#steps=1e9").steps, 5000);
  assertEquals(parseState("#width=2&rank=16").rank, 2);
});

Deno.test("an address holds every stop", () => {
  for (let stop = 0; stop <= stops.length; stop++) {
    const state = stateAt(stop, { ...initial, rank: 1, modelRank: 64 });
    assertEquals(parseState(formatState(state)), state);
  }
});

const openLessonOf = async (change: Partial<State>) => {
  const device = await openCpuDevice({ threads: 1, blas: false });
  return { device, lesson: await openLesson(device, settingsOf({ ...initial, ...change })) };
};

Deno.test("LoRA reaches the least loss of its rank and no less, full fine-tuning reaches none", async () => {
  for (const rank of [1, 2]) {
    const { device, lesson } = await openLessonOf({ rank, alpha: rank });
    await lesson.train(400);
    const { losses, bounds, lora, shift } = await lesson.read();
    const loss = losses.lora.at(-1)!, best = bounds.best!;
    assert(loss >= best * (1 - 1e-5) && loss < 1.001 * best, `${loss} and ${best}`);
    assert(losses.full.at(-1)! < 1e-9);
    assert(Math.abs(lora.values[0] / shift.values[0] - 1) < 0.02);
    lesson[Symbol.dispose]();
    assertEquals(device.ledger.read().live, 0);
    device[Symbol.dispose]();
  }
});

Deno.test("with both factors at zero nothing moves; every other start but random ones begins at W₀", async () => {
  for (const start of choices.start) {
    const { device, lesson } = await openLessonOf({ start });
    const atFirst = (await lesson.read()).lora.values[0];
    const isRandom = start === "random" || start === "small";
    assertEquals(atFirst > 1e-5, isRandom, `${start}: ${atFirst}`);
    await lesson.train(20);
    assertEquals((await lesson.read()).lora.values[0] > 0.1, start !== "zero", start);
    lesson[Symbol.dispose]();
    device[Symbol.dispose]();
  }
});

Deno.test("the loss of the weights is that of the next step before its update, however they begin", async () => {
  for (const start of choices.start) {
    const { device, lesson } = await openLessonOf({ start });
    const { loss: first, bounds } = await lesson.read();
    assertAlmostEquals(first.full, bounds.base, 1e-6 * bounds.base);
    const isElsewhere = start === "random" || start === "small";
    assertEquals(Math.abs(first.lora - bounds.base) > 1e-5 * bounds.base, isElsewhere, start);
    await lesson.train(3);
    const { loss } = await lesson.read();
    await lesson.train(1);
    const { losses } = await lesson.read();
    for (const name of ["lora", "full"] as const) {
      assertAlmostEquals(losses[name][0], first[name], 1e-6 * first[name]);
      assertAlmostEquals(losses[name][3], loss[name], 1e-6 * loss[name]);
    }
    lesson[Symbol.dispose]();
    device[Symbol.dispose]();
  }
});

/** A lesson at a stop, after some steps. */
async function readingAt(title: string, steps: number): Promise<LessonReading> {
  const settings = stops.find((stop) => stop.title === title)!.settings;
  const { device, lesson } = await openLessonOf(settings);
  await lesson.train(steps);
  const reading = await lesson.read();
  lesson[Symbol.dispose]();
  device[Symbol.dispose]();
  return reading;
}

/** The steps after which each of D's values has been 90% learned. */
async function stepsToLearn(title: string, count: number): Promise<number[]> {
  const { device, lesson } = await openLessonOf(
    stops.find((stop) => stop.title === title)!.settings,
  );
  const found = new Array<number>(count).fill(0);
  while (found.includes(0) && lesson.steps < stepsOfStop) {
    await lesson.train(1);
    const { lora, shift } = await lesson.read();
    found.forEach((steps, i) =>
      found[i] = steps || Number(lora.values[i] > 0.9 * shift.values[i]) * lesson.steps
    );
  }
  lesson[Symbol.dispose]();
  device[Symbol.dispose]();
  return found;
}

Deno.test("the path says what happens", async () => {
  const learned = await stepsToLearn("Four values to learn", 4);
  assert(!learned.includes(0), "all are learned");
  assertEquals(learned, learned.toSorted((a, b) => a - b), "the largest is learned first");

  const small = await readingAt("Too small a rank", stepsOfStop), { best } = small.bounds;
  assert(small.loss.full < 0.01 * best!, "full fine-tuning goes below the line");
  assert(small.loss.lora < 1.05 * best!, "LoRA stops at it");
  for (const i of [0, 1]) {
    const [found, wanted] = [small.lora.values[i], small.shift.values[i]];
    assert(Math.abs(found / wanted - 1) < 0.1, `the larger values are learned, not ${found}`);
  }

  const large = await readingAt("A larger rank than needed", stepsOfStop);
  assert(large.lora.values[4] < 0.01 * large.shift.values[3], "the other values go back");

  const quick = await readingAt("α is part of the step", 10);
  assert(quick.lora.values[0] > 0.9 * quick.shift.values[0], "the largest is learned in ten steps");
  const { losses: { lora } } = await readingAt("α is part of the step", stepsOfStop);
  const jumps = lora.filter((loss, step) => step > 200 && loss > 1.5 * lora[step - 1]);
  assert(jumps.length > 10, `${jumps.length} jumps of the loss`);

  const unseen = await readingAt("Stretched inputs", 150);
  for (const name of ["lora", "full"] as const) {
    assert(unseen.losses[name].at(-1)! < 0.02 * unseen.bounds.base, "the loss falls");
    const rest = frobeniusNorm(difference(unseen.shift.matrix, unseen[name].matrix));
    assert(rest > 0.5 * frobeniusNorm(unseen.shift.matrix), "D is not learned");
  }
});

/** Places of the options that happen, stop by stop: 1 if the second does. */
async function whatHappens(): Promise<boolean[]> {
  const at = (stop: number, steps: number) => readingAt(stops[stop - 1].title, steps);
  const [plane, zero, small, large] = [
    ...[await at(1, 100), await at(2, 100)],
    ...[await at(4, stepsOfStop), await at(5, stepsOfStop)],
  ];
  const learned = await stepsToLearn(stops[2].title, 4);
  const { losses: { lora } } = await at(6, stepsOfStop), unseen = await at(7, 150);
  const { device, lesson } = await openLessonOf(stops[7].settings);
  await lesson.train(50);
  const { changed } = await (await mergeLesson(lesson)).unmerge();
  lesson[Symbol.dispose]();
  device[Symbol.dispose]();
  const rest = frobeniusNorm(difference(unseen.shift.matrix, unseen.lora.matrix));
  return [
    plane.lora.values[1] > 1e-6 * plane.lora.values[0],
    zero.loss.lora === zero.losses.lora[0],
    Math.max(...learned) > 2 * Math.min(...learned),
    [0, 1].some((i) => small.lora.values[i] < 0.9 * small.shift.values[i]),
    large.lora.values[15] > 0.01 * large.lora.values[0],
    lora.some((loss, step) => step > 10 && loss > 1.5 * lora[step - 1]),
    rest > 0.5 * frobeniusNorm(unseen.shift.matrix),
    changed > 0,
  ];
}

Deno.test("the predictions that count as right are what happens, half of them the second", async () => {
  const right = stops.map(({ right }) => right);
  assertEquals(right, (await whatHappens()).map(Number));
  assertEquals(right.filter((place) => place === 1).length, 4);
});

Deno.test("a stop whose answer asks for a handle to be moved names it, and no other does", () => {
  const words = { rank: "r", alpha: "α", learningRate: "the learning rate", start: "B = 0" };
  for (const { title, answer, moves = [] } of stops) {
    assertEquals(/\b(Move|Choose) /.test(answer), moves.length > 0, title);
    for (const key of moves) assert(answer.includes(words[key as keyof typeof words]), title);
  }
});

Deno.test("a run at a stop pauses once, whatever its pace, and elsewhere not", () => {
  for (const pace of choices.pace) {
    for (const [from, pauses] of [[0, 1], [200, 1], [stepsOfStop, 0]]) {
      const ends = Array.from({ length: 500 }, (_, i) => from + (i + 1) * pace);
      assertEquals(ends.filter((steps) => isAnswered(4, steps, pace)).length, pauses);
      assertEquals(ends.some((steps) => isAnswered(0, steps, pace)), false);
    }
  }
});

Deno.test("full fine-tuning's loss falls until a stop pauses, and jumps long after", async () => {
  const { losses: { full } } = await readingAt("Four values to learn", 700);
  const jumps = Array.from(full.keys()).filter((step) =>
    step > 20 && full[step] > 2 * full[step - 1]
  );
  assert(Math.min(...jumps) > stepsOfStop && jumps.length > 0, `${jumps}`);
});

Deno.test("merging rounds, and unmerging gives every bit back", async () => {
  const { device, lesson } = await openLessonOf({});
  await lesson.train(50);
  const before = device.ledger.read().live, merged = await mergeLesson(lesson);
  assert(
    merged.difference > 0 && merged.difference < 1e-5 * merged.largest,
    `${merged.difference}`,
  );
  const { weights, changed, subtracted } = await merged.unmerge();
  assertEquals([weights, changed], [256, 0]);
  assert(subtracted > 0);
  assertEquals(device.ledger.read().live, before);
  lesson[Symbol.dispose]();
  device[Symbol.dispose]();
});

Deno.test("the bytes of a model are those of the dry device's ledger", () => {
  const { config } = catalog["gpt2"], step = { batch: 2, length: 64 };
  const answer = countMemory({ config, rank: 8, sites: ["q", "v"], dtype: "F32", ...step });
  assertEquals(answer.full, predictMemory(config, step).peakByRole);
  assertEquals(answer.trained.lora, 12 * 2 * 8 * (768 + 768));
  assertEquals(answer.lora.optimizer, 8 * answer.trained.lora);
  assert(models.includes("llama-2-7b") && !models.includes("t5-base"));
});

Deno.test("tokens beyond a model's positions are not counted, and the answer has those that are", () => {
  const { config } = catalog["gpt2"], few = { ...config, n_positions: 64 };
  const step = { rank: 8, sites: ["q", "v"], dtype: "F32", batch: 1, length: 128 } as const;
  const clamped = countMemory({ ...step, config: few });
  assertEquals(clamped, countMemory({ ...step, config: few, length: 64 }));
  assertEquals([clamped.length, countMemory({ ...step, config }).length], [64, 128]);
});

Deno.test("the axis of the losses goes as low as they do, and has a place for zero", async () => {
  const reading = await readingAt("Four values to learn", 400), { loss, losses } = reading;
  assert(loss.full < 1e-10 && reading.bounds.base > 1, `${loss.full}`);
  const [low] = lossChart(reading).y, least = Math.min(...losses.full, loss.full);
  assert(low <= least && least < 10 * low, `${low}`);
  const [lowest] = lossChart({ ...reading, loss: { ...loss, full: 0 } }).y;
  assert(lowest > 0 && lowest <= Math.min(...losses.full), `${lowest}`);
});

Deno.test("a chart has round ticks, its lines and its marks", () => {
  assertEquals(ticks([0, 100]), [0, 20, 40, 60, 80, 100]);
  assertEquals(ticks([0, 3.7]), [0, 1, 2, 3]);
  assertEquals([0.001, 1e-4, 12, 2e4, 0].map(short), ["0.001", "1e-4", "12", "2e4", "0"]);
  const { frame, lines } = drawChart({
    lines: [{ role: "lora", lines: [[[0, 1], [10, 0.1]]] }],
    marks: [{ y: 0.5, role: "target", label: "best" }],
    ...{ x: [0, 10], y: [0.01, 1], log: true, names: ["step", "loss"], width: 300, height: 200 },
  });
  for (const part of [`class="mark target"`, ">best<", ">0.1<"]) assert(frame.includes(part), part);
  assert(lines.startsWith(`<path class="line lora" d="M44.0,24.0L238.0,95.0"/>`), lines);
  assert(!`${frame}${lines}`.includes("NaN"));
});

Deno.test("labels of marks that are close stand below each other, and empty ones take no room", () => {
  const marks = [4, 0.84, 0.42, 0.2, 0].map((y) => ({ y, role: "target", label: `label ${y}` }));
  marks[3].label = "";
  const { frame } = drawChart({
    ...{ lines: [], marks, x: [0, 10], y: [0, 4], names: ["step", "loss"] },
    ...{ width: 270, height: 172 },
  });
  const heights = Array.from(frame.matchAll(/y="([^"]+)">label/g), ([, y]) => Number(y));
  const gaps = heights.slice(1).map((height, i) => height - heights[i]);
  assertEquals(heights.length, 4);
  assertEquals(heights[0], 28); // the highest stands at its mark
  assert(gaps.every((gap) => gap >= 16), `${heights}`);
  assert(heights.at(-1)! <= 172 - 34 + 4, `${heights}`); // the lowest stands above the ticks
});

Deno.test("a chart of an adapter has room for very many sites, and for updates that are zero", () => {
  const site = (singularValues: number[]) => ({ singularValues }) as unknown as SiteSpectrum;
  const many = sitesChart(Array.from({ length: 200_000 }, (_, i) => site([2 + i % 5, 1, 0])));
  assertEquals([many.x, many.y, many.lines[0].lines[0].length], [[1, 2], [1 / 1.2, 1.2 * 6], 2]);
  const drawn = drawChart({ ...sitesChart([site([0, 0])]), width: 300, height: 200 });
  assert(!/NaN|Infinity|undefined/.test(drawn.frame + drawn.lines), drawn.frame);
});

Deno.test("zero has the color of paper, and the largest values have the ends", () => {
  const colors = { positive: [0, 0, 255], negative: [255, 0, 0], zero: [250, 250, 250] } as const;
  assertEquals([0, 1, -1, 9].map((value) => colorOf(value, colors)), [
    [250, 250, 250, 255],
    [0, 0, 255, 255],
    [255, 0, 0, 255],
    [0, 0, 255, 255],
  ]);
});
