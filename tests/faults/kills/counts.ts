/** Counts of the states that kills leave. @module */

/** State after a kill: the old files, the new files, a refusal, or files that are neither. */
export type Found = "old" | "new" | "refused" | "torn";

/** Counts of each state, and of the results of the same command called again. */
export class Counts {
  readonly #found: Record<Found, number> = { old: 0, new: 0, refused: 0, torn: 0 };
  #checkpoints = 0;
  #same = 0;
  #different = 0;

  /** Number of kills. */
  get kills(): number {
    return Object.values(this.#found).reduce((sum, count) => sum + count);
  }

  /** True if nothing was torn, and every command that was called again ended with the same bytes. */
  get isGood(): boolean {
    return this.#found.torn === 0 && this.#different === 0;
  }

  /** Counts a kill, and whether it left a checkpoint. */
  killed(found: Found, hasCheckpoint = false): void {
    this.#found[found]++;
    if (hasCheckpoint) this.#checkpoints++;
  }

  /** Counts an end of a command that had been killed before, once or several times. */
  ended(isSame: boolean): void {
    if (isSame) this.#same++;
    else this.#different++;
  }

  /** One line. */
  toString(): string {
    const found = Object.entries(this.#found).map(([name, count]) => `${count} ${name}`).join(", ");
    const ends = this.#same + this.#different, checkpoints = this.#checkpoints;
    return `${this.kills} kills: ${found}; ${checkpoints} with a checkpoint; called again to the end ` +
      `${ends} times: ${this.#same} to the same bytes, ${this.#different} to others`;
  }
}
