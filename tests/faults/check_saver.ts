/** Files that a reader finds after a save with a fault at any of its operations. @module */

import { assert, assertEquals } from "@std/assert";
import { withMemoryFolder } from "../../scripts/support/folders.ts";
import { type Extent, type Fault, faults, FaultyDisk, fullDisk, placesOf } from "./faulty_disk.ts";
import { PowerCutDisk } from "./power_cut.ts";
import {
  copyFolder,
  type Files,
  filesOf,
  type Group,
  type State,
  stateOf,
  temporaryIn,
} from "./saved_files.ts";

/** A way to save. */
export interface Saver {
  /** Writes the folder's old contents; it is empty if absent. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Saves what is new. */
  readonly save: (folder: string) => Promise<unknown>;
  /** Files that must all be old or all be new. */
  readonly groups: readonly Group[];
  /** Our reader, which must refuse what is neither. */
  readonly read: (folder: string) => Promise<unknown>;
  /** Bytes that are live on a device, which must stay what they were. */
  readonly live?: () => number;
}

/** Number of times that each state was found, by fault. */
export type Tally = Partial<Record<Fault, Partial<Record<State, number>>>>;

/** A saver with what it needs. */
export interface TestedSaver {
  /** The property. */
  readonly name: string;
  /** States that readers find after kills, in alphabetical order. Default: all three. */
  readonly killed?: readonly State[];
  /** Checks it while what it needs is there. */
  readonly withSaver: (check: (saver: Saver) => Promise<void>) => Promise<void>;
}

/** Tries faults at operations, and checks what readers find after kills and after failures. */
export async function checkTested(
  { killed = ["new", "old", "refused"], withSaver }: TestedSaver,
  extent: Extent,
): Promise<void> {
  await withSaver(async (saver) => {
    const tally = await checkSaver(saver, extent);
    const found = (fault: Fault) => Object.keys(tally[fault] ?? {}).sort();
    assertEquals(found("kill"), [...killed]);
    assertEquals(found("EIO"), ["new", saver.prepare ? "old" : "refused"]);
  });
}

/** Tries faults at operations; returns what was found. */
export async function checkSaver(saver: Saver, extent: Extent): Promise<Tally> {
  const tally: Tally = {};
  await withMemoryFolder(async (root) => {
    const [before, after] = [`${root}/before`, `${root}/after`];
    await Deno.mkdir(before);
    await saver.prepare?.(before);
    copyFolder(before, after);
    const operations = await operationsOf(() => saver.save(after));
    const [old, fresh] = [filesOf(before), filesOf(after)];
    for (const fault of faults) {
      const found = tally[fault] = {} as Partial<Record<State, number>>;
      for (const at of [...placesOf(fault, operations, extent), operations.length]) {
        const folder = `${root}/${fault}-${at}`, isLast = at === operations.length;
        copyFolder(before, folder);
        const trial = new Trial(saver, folder, old, fresh, `${fault} at operation ${at}`);
        const isReached = await trial.run(fault, at);
        assertEquals(isReached, !isLast, `${fault} at ${at} of ${operations.length} operations`);
        if (isReached) found[trial.state] = (found[trial.state] ?? 0) + 1;
        await Deno.remove(folder, { recursive: true });
      }
    }
  });
  return tally;
}

/**
 * Kills at every operation and then tries a fault at every operation of the next save, which has to take
 * the first one back: neither version is lost. Returns the number of pairs.
 *
 * @param first The only operation at which the first save is killed.
 */
export async function checkTwoFaults(
  saver: Saver & Required<Pick<Saver, "prepare">>,
  first?: number,
): Promise<number> {
  let pairs = 0;
  await withMemoryFolder(async (root) => {
    const [before, after] = [`${root}/before`, `${root}/after`];
    await saver.prepare(before);
    copyFolder(before, after);
    await saver.save(after);
    const [old, fresh] = [filesOf(before), filesOf(after)];
    const last = first ?? Infinity;
    for (let kill = first ?? 0, isKilled = true; isKilled && kill <= last; kill++) {
      const killed = `${root}/killed-${kill}`;
      copyFolder(before, killed);
      isKilled = await killAt(kill, () => saver.save(killed));
      for (const fault of ["kill", "ENOSPC"] as const) {
        for (let at = 0, isReached = isKilled; isReached; at++, pairs++) {
          const folder = `${killed}-${fault}-${at}`;
          copyFolder(killed, folder);
          const what = `kill at operation ${kill}, ${fault} at operation ${at} of the next save`;
          const trial = new Trial(saver, folder, old, fresh, what, true);
          isReached = await trial.run(fault, at);
          await Deno.remove(folder, { recursive: true });
        }
      }
    }
  });
  return pairs;
}

/**
 * Cuts the power at every operation, and looks at everything that the disk may then hold: the old files,
 * the new ones, or none that are read, and the new ones once they are saved. Returns how many states.
 *
 * @param killed The operation at which a save before was killed; none if absent.
 */
export async function checkPowerCuts(saver: Saver, killed?: number): Promise<number> {
  let count = 0;
  await withMemoryFolder(async (root) => {
    const [before, after] = [`${root}/before`, `${root}/after`];
    await Deno.mkdir(before);
    await saver.prepare?.(before);
    copyFolder(before, after);
    await saver.save(after);
    const [old, fresh] = [filesOf(before), filesOf(after)];
    if (killed !== undefined) assert(await killAt(killed, () => saver.save(before)));
    for (let at = 0, isCut = true; isCut; at++) {
      const folder = `${root}/cut-${at}`;
      copyFolder(before, folder);
      using disk = new PowerCutDisk(folder, at);
      const isSaved = await saver.save(folder).then(() => true, () => false);
      disk[Symbol.dispose]();
      isCut = disk.isReached;
      for (const files of disk.outcomes()) {
        const place = `${root}/state-${count++}`;
        await Deno.mkdir(place);
        for (const [name, bytes] of files) await Deno.writeFile(`${place}/${name}`, bytes);
        const what = `power cut at operation ${at}: ${[...files.keys()]}`;
        const trial = new Trial(saver, place, old, fresh, what), state = await trial.look();
        if (isSaved) assertEquals(state, "new", what);
        await trial.saveAgain();
        await Deno.remove(place, { recursive: true });
      }
    }
  });
  return count;
}

/** Kills a save at an operation; true if the operation was reached. */
async function killAt(at: number, work: () => Promise<unknown>): Promise<boolean> {
  using disk = new FaultyDisk("kill", at);
  await work().catch(() => {});
  return disk.isReached;
}

/** The names of the operations that something does. */
export async function operationsOf(work: () => Promise<unknown>): Promise<string[]> {
  using disk = new FaultyDisk();
  await work();
  return disk.names;
}

/** One save with one fault. */
class Trial {
  /** State that a reader found. */
  state: State = "refused";
  readonly #saver: Saver;
  readonly #folder: string;
  readonly #old: Files;
  readonly #fresh: Files;
  readonly #what: string;
  readonly #isSecond: boolean;

  constructor(
    saver: Saver,
    folder: string,
    old: Files,
    fresh: Files,
    what: string,
    isSecond = false,
  ) {
    [this.#saver, this.#folder, this.#old, this.#fresh] = [saver, folder, old, fresh];
    [this.#what, this.#isSecond] = [what, isSecond];
  }

  /** Saves with one fault and checks the folder; true if the fault was reached. */
  async run(fault: Fault, at: number): Promise<boolean> {
    const { save, live } = this.#saver, bytes = live?.();
    let failure: Error | undefined, disk: FaultyDisk;
    {
      using faulty = new FaultyDisk(fault, at);
      disk = faulty;
      failure = await save(this.#folder).then(() => undefined, (error) => error);
    }
    assertEquals(live?.(), bytes, `${this.#what}: live bytes`);
    this.state = await this.look();
    if (fault !== "kill" && fault !== "torn") this.#checkAlive(fault, disk, failure);
    await this.saveAgain();
    return disk.isReached;
  }

  /** Saves without space, then without a fault. */
  async saveAgain(): Promise<void> {
    await this.#checkFullDisk();
    await operationsOf(() => this.#saver.save(this.#folder));
    assertEquals(await this.look(), "new", `${this.#what}, saved again`);
    assertEquals(temporaryIn(filesOf(this.#folder)), [], `${this.#what}, saved again`);
  }

  /** Whatever happened, a save that finds no space leaves the old files or the new ones. */
  async #checkFullDisk(): Promise<void> {
    using _ = fullDisk();
    const failure = await this.#saver.save(this.#folder).then(() => undefined, (error) => error);
    const what = `${this.#what}, then a full disk: ${failure?.message}`, state = await this.look();
    assert(!failure || /older file.* unchanged/.test(failure.message), what);
    if (this.#old.size > 0 || !failure) assert(state !== "refused", what);
  }

  /** After a failure from which the process lives on, the error says what is there. */
  #checkAlive(fault: Fault, disk: FaultyDisk, failure?: Error): void {
    const cause = `${this.#what} (${disk.faulty}): ${failure?.message}`;
    const isCutOff = /may be unreadable|cannot make the folder/.test(failure?.message ?? "");
    if (this.#isSecond && isCutOff) return; // Before it has taken the first save back.
    if (!disk.isReached || fault === "short" || fault === "EINTR") assert(!failure, cause);
    const isInPlace = !failure || failure.message.includes("is in place, but may be lost");
    assertEquals(this.state, isInPlace ? "new" : this.#old.size > 0 ? "old" : "refused", cause);
    const says = /older file.* unchanged|cannot (make|write to) the folder/;
    if (!isInPlace) assert(says.test(failure!.message), cause);
    // What cannot be removed stays, until the next save.
    const stays = disk.faulty === "remove" ? 1 : 0;
    assert(temporaryIn(filesOf(this.#folder)).length <= stays, cause);
  }

  /** State that every reader finds: all groups are old, or all new, or a key is missing. */
  async look(): Promise<State> {
    const files = filesOf(this.#folder), { groups, read } = this.#saver;
    const states = groups.map((group) => {
      return stateOf(group, files, { old: this.#old, fresh: this.#fresh }, this.#what);
    });
    const isRead = await read(this.#folder).then(() => true, () => false);
    assertEquals(isRead, states[0] !== "refused", `${this.#what}: our reader`);
    return states[0];
  }
}
