/** The five parts of the lesson, with all of their numbers. @module */

import type { Part } from "../slide.ts";
import { learnedPart } from "./learned.ts";
import { matrixPart } from "./matrix.ts";
import { memoryPart } from "./memory.ts";
import { tourPart } from "./tour.ts";
import { trainingPart } from "./training.ts";

/** Computes and draws all parts. */
export async function makeParts(): Promise<Part[]> {
  return [
    await tourPart(),
    await matrixPart(),
    await memoryPart(),
    await trainingPart(),
    await learnedPart(),
  ];
}
