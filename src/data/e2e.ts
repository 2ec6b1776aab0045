/** The E2E dataset: meanings of restaurants, and what people wrote for them. @module */

import { mostJsonBytes } from "../core/limits.ts";
import { pathIn } from "../core/storage.ts";
import { readZipped } from "../core/zip.ts";
import { readTable } from "./text_table.ts";

/** A part of the dataset: 42,061, 4,672 and 4,693 references for 4,862, 547 and 630 meanings. */
export type E2eSplit = "train" | "validation" | "test";

/** A meaning and its references. */
export interface E2eMeaning {
  /** `name[Blue Spice], eatType[pub], area[riverside]`. */
  readonly meaning: string;
  /** What people wrote for it, in the order of the file; at least one. */
  readonly references: readonly string[];
}

const files: Readonly<Record<E2eSplit, string>> = {
  train: "trainset.csv",
  validation: "devset.csv",
  test: "testset_w_refs.csv",
};

/**
 * Reads a part of the E2E dataset, in the order in which its meanings first appear. It is not part of this
 * package (CC BY-SA 4.0); the experiments look for it in the folder that `LOWRANK_DATA` names, as
 * `nlg/e2e-dataset.zip`.
 *
 * Source: Novikova, Dušek and Rieser 2017, "The E2E Dataset"; the paper's section 5.4 and table 3.
 *
 * @param source `e2e-dataset.zip` as it is published, or a folder with its files.
 * @throws {RangeError} when the split does not exist, or a file has not the columns `mr` and `ref`.
 * @throws {SyntaxError} when the archive or a row is malformed; the message names the line.
 * @throws {Error} when a file cannot be read.
 */
export async function e2eData(split: E2eSplit, source: string): Promise<E2eMeaning[]> {
  if (!Object.hasOwn(files, split)) {
    const known = Object.keys(files).join(", ");
    throw new RangeError(`a split of the E2E dataset must be one of ${known}, found ${split}`);
  }
  const name = files[split], isZip = /\.zip$/i.test(source);
  const file = isZip
    ? new File([await readZipped(source, `e2e-dataset/${name}`, mostJsonBytes)], name)
    : pathIn(source, name);
  const groups = Map.groupBy(await readTable(file, "reference"), ({ input }) => input!);
  return [...groups].map(([meaning, rows]) => ({
    meaning,
    references: rows.map(({ text }) => text),
  }));
}
