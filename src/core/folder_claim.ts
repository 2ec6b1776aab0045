/** The right to work in a folder. @module */

import { claimFolder } from "./files.ts";

/** The right to work in a folder, which one process at a time has: taken when it is needed, and once. */
export class FolderClaim implements Disposable {
  /** What is claimed. */
  readonly folder: string;
  #claim?: Disposable;

  /** Claims nothing yet. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Whether the folder is claimed. */
  get isTaken(): boolean {
    return this.#claim !== undefined;
  }

  /**
   * Takes the claim, and makes the folder if there is none.
   *
   * @throws {Error} when another process has it, or the folder cannot be made.
   */
  async take(): Promise<void> {
    this.#claim ??= await claimFolder(this.folder);
  }

  /** Gives it back; the end of the process does too. */
  [Symbol.dispose](): void {
    this.#claim?.[Symbol.dispose]();
    this.#claim = undefined;
  }
}
