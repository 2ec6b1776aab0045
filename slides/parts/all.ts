/** The five parts of the lesson, with all of their numbers. @module */

import type { Part } from "../slide.ts";
import { memoryPart } from "./memory.ts";

/** Computes and draws all parts. */
export async function makeParts(): Promise<Part[]> {
  return [await memoryPart()];
}
