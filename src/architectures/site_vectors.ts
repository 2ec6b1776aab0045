/** The vector that a low-rank update may have beside A and B. @module */

import { countRows, type SiteRows } from "../core/row_range.ts";

/** Which vector is asked for; at most one. */
export interface VectorOptions {
  /** A magnitude for each row: DoRA. Default false. */
  readonly dora?: boolean;
  /** A bias of B. Default false. */
  readonly loraBias?: boolean;
}

/** What the vector of a site depends on. */
export interface VectorSite {
  /** The site's name. */
  readonly name: string;
  /** Its rows. */
  readonly rows: SiteRows;
  /** Rows of the whole weight. */
  readonly outputs: number;
  /** Whether the weight is an embedding's. */
  readonly isTable: boolean;
}

/**
 * Which option gives a site a vector, of a value for each of its rows, if one does.
 *
 * @throws {TypeError} when both are asked for.
 * @throws {RangeError} when the site is an embedding, or not a whole layer: PEFT has a vector for all rows of a
 * weight, or none.
 */
export function vectorOption(
  { name, rows, outputs, isTable }: VectorSite,
  { dora, loraBias }: VectorOptions,
): keyof VectorOptions | undefined {
  if (!dora && !loraBias) return undefined;
  const option = dora ? "dora" : "loraBias";
  if (isTable) {
    throw new RangeError(`${option} needs linear layers, found the embedding ${name}`);
  }
  if (dora && loraBias) {
    throw new TypeError("dora needs loraBias to be false, as in PEFT, found true");
  }
  if (countRows(rows) !== outputs) {
    throw new RangeError(`${option} needs whole layers, by targetModules, found the site ${name}`);
  }
  return option;
}
