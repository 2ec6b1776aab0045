/** The right to work in a folder. @module */

import { makeFolder } from "./files.ts";

/** A folder that is claimed until this is disposed. */
export interface ClaimedFolder extends Disposable {
  /** True unless the folder has been removed or replaced since. */
  isThere(): Promise<boolean>;
}

/**
 * Makes a folder that one process at a time works in, until the claim is disposed or the process ends; a
 * second claim in the same process is refused too. Where the system does not lock folders (Windows, some
 * network drives), every claim is granted.
 *
 * @throws {Error} when another save or training has it, or it cannot be made.
 */
export async function claimFolder(folder: string): Promise<ClaimedFolder> {
  await makeFolder(folder);
  const handle = await Deno.open(folder).catch(() => undefined);
  if (handle && !await handle.tryLock(true).catch(() => true)) {
    handle.close();
    throw new Error(`cannot use the folder ${folder}: it is in use by another save or training`);
  }
  const isThere = async () => {
    const own = handle?.statSync(), found = await Deno.stat(folder).catch(() => undefined);
    return found !== undefined && (!own || own.dev === found.dev && own.ino === found.ino);
  };
  return { isThere, [Symbol.dispose]: () => handle?.close() };
}

/** The right to work in a folder, which one process at a time has: taken when it is needed, and once. */
export class FolderClaim implements Disposable {
  /** What is claimed. */
  readonly folder: string;
  #claim?: ClaimedFolder;

  /** Claims nothing yet. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** True while the folder is claimed and still there. */
  async isHeld(): Promise<boolean> {
    return await this.#claim?.isThere() ?? false;
  }

  /**
   * Takes the claim, and makes the folder if there is none. Where the folder has been removed since, it is made
   * and claimed again.
   *
   * @throws {Error} when another process has it, or the folder cannot be made.
   */
  async take(): Promise<void> {
    if (await this.isHeld()) return;
    this[Symbol.dispose]();
    this.#claim = await claimFolder(this.folder);
  }

  /** Gives it back; the end of the process does too. */
  [Symbol.dispose](): void {
    this.#claim?.[Symbol.dispose]();
    this.#claim = undefined;
  }
}
