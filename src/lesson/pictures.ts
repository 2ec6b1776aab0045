/** Pictures of a lesson's state. @module */

import { howMany } from "../core/numbers.ts";
import { type Figure, palette } from "../figures/figure.ts";
import { linesFigure, type LinesWords } from "../figures/marks.ts";
import {
  boxesPicture,
  type Ellipse,
  type Picture,
  type PictureRole,
  planesPicture,
} from "../figures/pictures.ts";
import { type DenseMatrix, denseOf, transposed } from "../linalg/mod.ts";
import type { LessonReading } from "./lesson.ts";

/**
 * Pictures of a reading: what the weights make of the unit circle (width 2) or B, A and their product beside
 * D (width 16), and the losses of both students.
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 * import { lessonPictures, openLesson } from "@lowrank/core/lesson";
 *
 * using device = await openDevice({ kind: "reference" });
 * using lesson = await openLesson(device, { width: 2 });
 * await lesson.train(10);
 * const [circle, losses] = lessonPictures(await lesson.read());
 * console.log(circle.caption, losses.caption);
 * ```
 */
export function lessonPictures(reading: LessonReading): readonly [Picture, Figure] {
  return [reading.base.columns === 2 ? circle(reading) : boxes(reading), losses(reading)];
}

const key = { base: "W₀", full: "full", lora: "W₀ + s·B·A", target: "wanted" } as const;

function circle(reading: LessonReading): Picture {
  const { steps, factors } = reading, arrows = transposed(denseOf(factors.B)).data;
  const words = {
    alt: "Ellipses of W₀, full fine-tuning, W₀ + s·B·A and, dashed, of W₀ + D; columns of B",
    caption: "What each weight makes of the unit circle; arrows: the columns of B.",
  };
  const plane = { title: `after ${howMany(steps, "step")}`, ellipses: ellipsesOf(reading), arrows };
  return planesPicture(words, [{ ...plane, half: halfOf(reading) }], key);
}

/** The images of the circle under W₀, both students and the target; the target is on top. */
export function ellipsesOf({ base, shift, lora, full }: LessonReading): Ellipse[] {
  const changed = (role: PictureRole, { data }: DenseMatrix) => {
    return { role, matrix: base.data.map((value, i) => value + data[i]) };
  };
  return [
    { role: "base", matrix: base.data },
    changed("full", full.matrix),
    changed("lora", lora.matrix),
    changed("target", shift.matrix),
  ];
}

/**
 * The distance from the middle of the plane to its edge: W₀ and the target fit, which do not
 * change.
 */
export function halfOf(reading: LessonReading): number {
  const fixed = ellipsesOf(reading).filter(({ role }) => role === "base" || role === "target");
  return 1.15 * Math.max(1, ...fixed.map(({ matrix }) => Math.hypot(...Array.from(matrix))));
}

function boxes({ steps, factors, lora, shift }: LessonReading): Picture {
  const box = (name: string, { data: values, ...size }: DenseMatrix, role: PictureRole) => {
    return { name, ...size, values, role };
  };
  const words = {
    alt: "B times A beside D",
    caption: `After ${howMany(steps, "step")}; D is wanted.`,
  };
  return boxesPicture({ ...words, cell: 10 }, [
    box("B", denseOf(factors.B), "lora"),
    { sign: "·" },
    box("A", denseOf(factors.A), "lora"),
    { sign: "→" },
    box("s·B·A", lora.matrix, "lora"),
    { sign: "?" },
    box("D", shift.matrix, "target"),
  ]);
}

function losses({ losses, loss, bounds, steps }: LessonReading): Figure {
  const x = Array.from({ length: steps + 1 }, (_, i) => i), { best = 0 } = bounds;
  const caption = `After ${howMany(steps, "step")}: LoRA ${
    loss.lora.toPrecision(3)
  }, full fine-tuning ${loss.full.toPrecision(3)}.`;
  const words: LinesWords = {
    ...{ id: "lesson-losses", title: "Loss", caption },
    ...{ x: { title: "step" }, y: { title: "loss per example", log: true } },
  };
  const bound = { name: "best of r", x: [0, steps], y: [best, best], dashed: true };
  return linesFigure(words, [
    { name: "full", x, y: [...losses.full, loss.full] },
    { name: "LoRA", x, y: [...losses.lora, loss.lora] },
    ...best > 1e-9 * bounds.base ? [{ ...bound, color: palette.base }] : [],
  ]);
}
