/** The right to work in a folder. @module */

import { makeFolder } from "./files.ts";

/**
 * Makes a folder that one process at a time works in, until the claim is disposed or the process ends; a
 * second claim in the same process is refused too. Where the system does not lock folders (Windows, some
 * network drives), every claim is granted.
 *
 * @throws {Error} when another save or training has it, or it cannot be made.
 */
export async function claimFolder(folder: string): Promise<Disposable> {
  await makeFolder(folder);
  const handle = await Deno.open(folder).catch(() => undefined);
  if (handle && !await handle.tryLock(true).catch(() => true)) {
    handle.close();
    throw new Error(`cannot use the folder ${folder}: it is in use by another save or training`);
  }
  return { [Symbol.dispose]: () => handle?.close() };
}

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
