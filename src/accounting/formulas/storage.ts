/** Bytes on disk. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

/** Checkpoints of one task and of many. */
export const storageFormulas: Readonly<Record<string, Formula>> = {
  checkpointBytes: bytes(
    "values of a checkpoint, without the file's header",
    "beta * P",
    "Hu et al. 2021, section 4.2 (350 GB, 35 MB)",
  ),
  loraTasksBytes: bytes(
    "one model and an adapter for every task",
    "W + n_task * C",
    "Hu et al. 2021, section 4.2, footnote (354 GB)",
  ),
  fullTasksBytes: bytes(
    "a whole model for every task",
    "n_task * W",
    "Hu et al. 2021, section 4.2, footnote (35 TB)",
  ),
};
