/** 15 to 40: circle to ellipse, why B begins at zero, one value after the other, the bet. @module */

import { type LessonReading, type LessonSettings, openLesson } from "../../src/lesson/lesson.ts";
import { ellipsesOf } from "../../src/lesson/pictures.ts";
import { stops } from "../../playground/path.ts";
import { initial, settingsOf } from "../../playground/state.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { denseOf, transposed } from "../../src/linalg/mod.ts";
import { linesFigure, palette } from "../../src/figures/mod.ts";
import { formulasHtml, planesHtml, plotHtml } from "../drawing.ts";
import type { Part, Slide } from "../slide.ts";
import { betSlides } from "./bet.ts";

const [oneDirection, , oneByOne, smallRank] = stops.map(({ settings }) => settings);

/** The part. */
export async function matrixPart(): Promise<Part> {
  return {
    title: "One matrix",
    minutes: [15, 40],
    playground: true,
    notebook: "Notebook 01",
    slides: [
      ...await planeSlides(),
      ...await zeroSlides(),
      ...await valueSlides(),
      ...await rankSlides(),
      ...await betSlides(),
    ],
  };
}

/** A lesson of the playground, at these steps. */
async function lessonAt(
  settings: Partial<LessonSettings>,
  steps: readonly number[],
): Promise<LessonReading[]> {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using lesson = await openLesson(device, settingsOf({ ...initial, ...settings }));
  const all: LessonReading[] = [];
  for (const step of steps) {
    await lesson.train(step - lesson.steps);
    all.push(await lesson.read());
  }
  return all;
}

/** The singular values of the change, as a formula. */
const valuesOf = ({ values }: LessonReading["shift"]): string =>
  "\\sigma = " + Array.from(values.slice(0, 4), (value) => value.toFixed(2)).join(",\\ ");

async function planeSlides(): Promise<Slide[]> {
  const [start, end] = await lessonAt(oneDirection, [0, 100]);
  const ellipses = (reading: LessonReading) =>
    ellipsesOf(reading).filter(({ role }) => role !== "full");
  const arrows = transposed(denseOf(end.factors.B)).data, half = 1.8;
  const before = { title: "before training", ellipses: ellipses(start), arrows: [], half };
  const after = { title: `after ${end.steps} steps`, ellipses: ellipses(end), arrows, half };
  const wanted = "that of W₀, the target, and W₀ + s·B·A";
  const key = { base: "W₀", lora: "W₀ + s·B·A", target: "wanted" };
  return [{
    kind: "question",
    title: "In how many directions do the blue points move?",
    text: [],
    choices: ["in one", "in two"],
    figure: planesHtml(`Ellipses: ${wanted}, which begins on W₀.`, [before], [before], key),
    caption:
      "The playground, stop 1, r = 1. The blue ellipse begins on the gray one; the dashed one is wanted.",
    minute: 15,
    notes:
      "A matrix turns a circle into an ellipse. We want the dashed one. Hands, then stop 1 of the playground.",
  }, {
    kind: "answer",
    title: "In one: along the arrow, onto the dashed one",
    text: ["B·A of rank 1 writes along one direction. Here that is enough."],
    figure: planesHtml(
      `Three ellipses: ${wanted}, which moves onto the target.`,
      [before, after],
      [after],
      key,
    ),
    caption: "The playground, stop 1. The arrow is the column of B.",
    minute: 16,
    notes: "Show it after the playground: one arrow in, one arrow out.",
  }];
}

async function zeroSlides(): Promise<Slide[]> {
  const [[both], [onlyB]] = await Promise.all(
    (["zero", "kaiming"] as const).map((start) => lessonAt({ ...oneDirection, start }, [100])),
  );
  const losses = ({ losses: { lora } }: LessonReading) => ({
    x: lora.map((_, i) => i),
    y: [...lora],
  });
  const [least, most] = [Math.min(...both.losses.lora), Math.max(...both.losses.lora)];
  return [{
    kind: "question",
    title: "A and B both begin at zero. How does it learn?",
    text: ["Then s·B·A is zero as well, and the model is exactly the base."],
    choices: ["fast", "slowly", "never"],
    minute: 17,
    notes:
      "Hands, then stop 2 of the playground. Both gradients are zero: each has the other factor in it.",
    figure: await formulasHtml(
      "\\frac{\\partial\\,\\mathrm{loss}}{\\partial B} = s\\,\\delta\\,(Ax)^\\top",
      "\\frac{\\partial\\,\\mathrm{loss}}{\\partial A} = s\\,B^\\top\\delta\\;x^\\top",
    ),
    caption: "δ: the gradient at the output.",
  }, {
    kind: "answer",
    title: "Never: each gradient contains the other factor",
    text: [
      "In {steps} steps the loss goes from {most} to {least}. With B alone at zero, B moves first, then A.",
    ],
    numbers: { steps: `${both.steps}`, most: most.toFixed(3), least: least.toFixed(3) },
    figure: await plotHtml(
      linesFigure({
        ...{ id: "zero", title: "", caption: "", x: { title: "step" }, y: { title: "loss" } },
      }, [
        { name: "both zero", ...losses(both), color: palette.base },
        { name: "B zero, A random", ...losses(onlyB), color: palette.lora[1] },
      ]),
      "With both at zero the loss is a level line, with B alone at zero it falls.",
    ),
    caption: "The playground, stop 2, and the same with A random.",
    minute: 18,
    notes:
      "Choose “B = 0, A uniform (LoRA)” in the playground: it falls. Notebook 01 comes back to this.",
  }];
}

async function valueSlides(): Promise<Slide[]> {
  const steps = Array.from({ length: 31 }, (_, i) => 5 * i);
  const readings = await lessonAt(oneByOne, steps), { shift, factors } = readings[0];
  const count = factors.A.shape[0], places = Array.from({ length: count }, (_, i) => i);
  const lines = places.map((i) => ({
    name: `value ${i + 1}`,
    ...{ x: steps, y: readings.map(({ lora }) => lora.values[i]) },
    color: palette.series[i],
  }));
  const wanted = places.map((i) => ({
    ...{ x: [0, steps.at(-1)!], y: [shift.values[i], shift.values[i]] },
    ...{ dashed: true, color: palette.series[i] },
  }));
  const figure = linesFigure({
    ...{ id: "values", title: "", caption: "" },
    ...{ x: { title: "step" }, y: { title: "singular value of s·B·A" } },
  }, [...lines, ...wanted]);
  const half = places.map((i) =>
    steps.find((_, at) => readings[at].lora.values[i] > shift.values[i] / 2)
  );
  return [{
    kind: "question",
    title: "D has four singular values: learned together, or one by one?",
    text: [
      "The change that is wanted, D, is 16 × 16; each of its four values is half the one before.",
    ],
    choices: ["together", "the smallest first", "the largest first"],
    minute: 19,
    notes: "A singular value says how strongly a matrix acts in one of its directions.",
    figure: await formulasHtml(
      "D = \\sum_{i=1}^{4} \\sigma_i\\, u_i v_i^\\top",
      valuesOf(shift),
    ),
  }, {
    kind: "answer",
    title: "One by one, the largest first",
    text: ["The first is halfway by step {first}, the last by step {last}."],
    numbers: { first: `${half[0]}`, last: `${half.at(-1)}` },
    figure: await plotHtml(
      { ...figure, data: figure.data.map((trace, i) => ({ ...trace, showlegend: i < count })) },
      "Four lines that rise one after the other to the four dashed lines of D.",
    ),
    caption: "The playground, stop 3. Dashed: the values of D.",
    minute: 20,
    notes: "It takes two seconds in the playground: read it off here.",
  }];
}

async function rankSlides(): Promise<Slide[]> {
  const [{ losses, bounds, steps, loss, shift }] = await lessonAt(smallRank, [200]);
  const x = losses.lora.map((_, i) => i), best = bounds.best!;
  return [{
    kind: "question",
    title: "D has rank 4, and B·A rank 2. Which part of D does LoRA leave out?",
    text: ["And does full fine-tuning stop at the least loss of rank 2, too?"],
    choices: ["the two smaller values", "a share of all four"],
    minute: 21,
    notes: "Hands for each, then stop 4 of the playground.",
    figure: await formulasHtml(
      "\\min_{\\mathrm{rank}\\,M \\le 2}\\ \\mathrm{loss}(W_0 + M)",
      valuesOf(shift),
    ),
    caption: "σ: the singular values of D. The least loss is “best of r” in the playground.",
  }, {
    kind: "answer",
    title: "The two smaller values: the loss stops at a line",
    text: ["No matrix of rank 2 fits better than {best}. After {steps} steps LoRA is at {loss}."],
    numbers: { best: best.toFixed(3), steps: `${steps}`, loss: loss.lora.toFixed(3) },
    figure: await plotHtml(
      linesFigure({
        ...{ id: "rank", title: "", caption: "", x: { title: "step" }, y: { title: "loss" } },
      }, [
        { name: "LoRA, r = 2", x, y: [...losses.lora] },
        { name: "full", x, y: [...losses.full] },
        {
          name: "best of r = 2",
          x: [0, steps],
          y: [best, best],
          dashed: true,
          color: palette.base,
        },
      ]),
      "The loss of LoRA falls to a dashed line and stays there; that of full fine-tuning falls to zero.",
    ),
    caption: "The playground, stop 4.",
    minute: 22,
    notes:
      "It stops at the line, whatever you wait for; full fine-tuning goes below it. Move r in the playground.",
  }];
}
