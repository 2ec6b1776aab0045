/** All experiments, in the order of the report. @module */

import { adaptation } from "./adaptation/adaptation.ts";
import { counting } from "./counting.ts";
import type { Experiment } from "./experiment.ts";
import { matrix } from "./matrix/matrix.ts";
import { memory } from "./memory.ts";
import { merging } from "./merging/merging.ts";
import { paperTables } from "./paper_tables.ts";
import { resident } from "./resident/resident.ts";
import { scaling } from "./scaling/scaling.ts";

/** Every experiment that `reproduce` knows. */
export const experiments: readonly Experiment[] = [
  counting,
  memory,
  resident,
  scaling,
  matrix,
  paperTables,
  adaptation,
  merging,
];

/**
 * The experiments of the given names, all where there are none.
 *
 * @throws {RangeError} when a name is unknown; the message lists those that exist.
 */
export function selectExperiments(names: readonly string[]): readonly Experiment[] {
  for (const name of names) {
    if (!experiments.some((experiment) => experiment.name === name)) {
      const known = experiments.map((experiment) => experiment.name).join(", ");
      throw new RangeError(`--only takes ${known}, found ${name}`);
    }
  }
  return names.length === 0 ? experiments : experiments.filter(({ name }) => names.includes(name));
}
