/** Settings of a lesson, and its pictures; its numbers are tested with the playground. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDevice } from "../../src/device/mod.ts";
import { lessonPictures, type LessonSettings, openLesson } from "../../src/lesson/mod.ts";
import { lessonSettings } from "../../src/lesson/lesson.ts";

Deno.test("settings that are not given suit the width", () => {
  const rest = { learningRate: 0.02, start: "kaiming", spread: 1, seed: 8 };
  assertEquals(lessonSettings(), { width: 16, shiftRank: 4, rank: 4, alpha: 4, ...rest });
  assertEquals(lessonSettings({ width: 2, seed: 1 }), {
    ...{ width: 2, shiftRank: 1, rank: 1, alpha: 1, ...rest },
    seed: 1,
  });
  assertEquals(lessonSettings({ rank: 8 }).alpha, 8);
});

Deno.test("a setting that cannot be is refused, and nothing stays on the device", async () => {
  using device = await openDevice({ kind: "reference" });
  const faults: [Record<string, unknown>, string][] = [
    [{ width: 3 }, "width of a lesson is one of 2, 16, found 3"],
    [{ width: 2, rank: 3 }, "rank of a lesson is one of 1, 2, found 3"],
    [{ shiftRank: 0 }, "shiftRank of a lesson is one of 1, 2, 3"],
    [
      { start: "xavier" },
      'start of a lesson is one of kaiming, gaussian, turned, random, small, zero, pissa, olora, found "xavier"',
    ],
    [{ rate: 1 }, 'found "rate"'],
    [{ alpha: NaN }, "alpha"],
    [{ spread: 0 }, "spread of a lesson must be at least 1, found 0"],
    [{ spread: Infinity }, "spread of a lesson must be at least 1"],
    [{ seed: 0.5 }, "seed"],
    [{ learningRate: -1 }, "learningRate"],
  ];
  for (const [settings, message] of faults) {
    await assertRejects(
      () => openLesson(device, settings as Partial<LessonSettings>),
      Error,
      message,
    );
    assertEquals(device.ledger.read().live, 0, message);
  }
});

Deno.test("a reading stays as it is while the lesson goes on, and steps are whole", async () => {
  using device = await openDevice({ kind: "reference" });
  using lesson = await openLesson(device, { width: 2 });
  await lesson.train(3);
  const reading = await lesson.read(), before = structuredClone(reading);
  await lesson.train(2);
  assertEquals(reading, before);
  assertEquals((await lesson.read()).losses.lora.slice(0, 3), before.losses.lora);
  for (const steps of [1.5, -1, NaN]) {
    await assertRejects(() => lesson.train(steps), RangeError, "steps of a lesson");
  }
  assertEquals(lesson.steps, 5);
});

Deno.test("the pictures are of the reading: a circle or boxes, and both losses", async () => {
  using device = await openDevice({ kind: "reference" });
  for (
    const [width, count] of [[2, { ellipse: 4, box: 0 }], [16, { ellipse: 0, box: 4 }]] as const
  ) {
    using lesson = await openLesson(device, { width, rank: 1 });
    await lesson.train(5);
    const reading = await lesson.read(), [picture, losses] = lessonPictures(reading);
    const shapes = (name: string) =>
      picture.svg.match(new RegExp(`class="${name} `, "g"))?.length ?? 0;
    assertEquals([shapes("ellipse"), shapes("outline")], [count.ellipse, count.box]);
    assert(!/NaN|undefined/.test(picture.svg));
    const [full, lora] = losses.data.map((trace) => "y" in trace ? trace.y : []);
    assertEquals(full, [...reading.losses.full, reading.loss.full]);
    assertEquals(lora, [...reading.losses.lora, reading.loss.lora]);
    assert(losses.caption.startsWith("After 5 steps"), losses.caption);
  }
});
