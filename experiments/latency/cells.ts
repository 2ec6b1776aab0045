/** Cells that are timed are kept until all are, so that a job that was stopped resumes at the next one. @module */

import { join } from "node:path";
import { makeFolder, readJson, removeFolder, writeJsonAtomic } from "../../src/storage/files.ts";
import { kindOf } from "../../src/storage/storage.ts";
import { canonicalJson, sha256 } from "../../src/runs/mod.ts";
import type { LatencyRow } from "./rows.ts";

/** The cells of an unfinished job. */
export class KeptCells {
  readonly #folder: string;

  /** Keeps them in a folder of their own within that of the job. */
  constructor(out: string, name: string) {
    this.#folder = join(out, `${name}-cells`);
  }

  /** Reads the cell of this key, or measures it. */
  async read(key: object, measure: () => Promise<LatencyRow[]>): Promise<LatencyRow[]> {
    const name = await sha256(new TextEncoder().encode(canonicalJson(key)));
    const file = join(this.#folder, `${name}.json`);
    if (await kindOf(file) === "file") return await readJson(file) as LatencyRow[];
    const rows = await measure();
    await makeFolder(this.#folder);
    await writeJsonAtomic(file, rows);
    return rows;
  }

  /** Forgets them: the next job measures all of them again. */
  async remove(): Promise<void> {
    await removeFolder(this.#folder);
  }
}
