/**
 * A lesson: LoRA and full fine-tuning learn one planted shift side by side, small enough to be watched. The
 * playground, the notebooks and the slides show it.
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 * import { openLesson } from "@lowrank/core/lesson";
 *
 * using device = await openDevice({ kind: "reference" });
 * using lesson = await openLesson(device, { rank: 2 });
 * await lesson.train(100);
 * const { loss, bounds } = await lesson.read();
 * console.log(loss.lora >= bounds.best!); // true: no matrix of rank 2 fits better
 * ```
 *
 * @module
 */

export {
  Lesson,
  type LessonChange,
  type LessonParts,
  type LessonReading,
  type LessonSettings,
  type LessonStart,
  lessonStarts,
  type LessonTask,
  openLesson,
} from "./lesson.ts";
export { type MergedLesson, mergeLesson, type UnmergedLesson } from "./lesson.ts";
export { lessonPictures } from "./pictures.ts";
