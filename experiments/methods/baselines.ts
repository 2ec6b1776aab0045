/** Baselines that classifiers are compared with. @module */

import { fitBags, fitFrequent } from "../supersenses/baselines.ts";
import type { SupersenseParts } from "../supersenses/runs.ts";
import { baselineRow, type MethodRow } from "./comparison.ts";

/** Result of a baseline. */
export interface BaselineRow extends MethodRow {
  /** Accuracy on the texts to choose by, in percent. */
  readonly validation: number;
}

/**
 * The most frequent label, which is called `what`, and bags of words, fitted to the same texts.
 *
 * @param size Number of the texts, as the table shows it.
 */
export const classifierBaselines = (
  parts: SupersenseParts,
  what: string,
  size: string,
): BaselineRow[] =>
  [fitFrequent(parts, what), ...fitBags(parts)].map(({ label, validation, test }, place) => {
    const key = place === 0 ? "frequent" : `bag-${place}`;
    const row = baselineRow({ key, label, size, value: 100 * test });
    return { ...row, validation: 100 * validation };
  });
