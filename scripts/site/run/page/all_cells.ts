/** Running all cells of a page, one after the other. @module */

/** The end of a cell; one that needs more than a page, such as a disk, says so below its code. */
export type CellEnd = "done" | "not in a page" | "failed";

/** A cell that can be run. */
export interface RunnableCell {
  /** Runs it and tells how it ended. */
  run(): Promise<CellEnd>;
}

/** All cells of a page in their order. */
export class AllCells {
  readonly #cells: readonly RunnableCell[];
  /** The run that goes on, if one does. */
  #run: { isStopped: boolean } | undefined;

  /** Takes the cells. */
  constructor(cells: readonly RunnableCell[]) {
    this.#cells = cells;
  }

  /** Runs the cells until one fails or the reader stops; gives how that ended, in words, or nothing where it runs already. */
  async run(): Promise<string | undefined> {
    if (this.#run) return undefined;
    const run = this.#run = { isStopped: false };
    try {
      return await this.#runAll(run);
    } finally {
      this.#run = undefined;
    }
  }

  /** Lets no cell after the current one run. */
  stop(): void {
    if (this.#run) this.#run.isStopped = true;
  }

  async #runAll(run: { readonly isStopped: boolean }): Promise<string> {
    let elsewhere = 0;
    for (const cell of this.#cells) {
      const end = await cell.run();
      if (run.isStopped) return "Stopped: the cells below did not run.";
      if (end === "failed") return "A cell did not end; those below it did not run.";
      if (end === "not in a page") elsewhere++;
    }
    const but = elsewhere > 0 ? `, but ${elsewhere} that need more than a page` : "";
    return `All cells have run${but}; each result is below its cell.`;
  }
}
