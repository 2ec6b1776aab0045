/** A disk on which one operation goes wrong. @module */

import { type Disk, type NewFile, replaceDisk } from "../../src/storage/disk.ts";

/** Kinds of faults at one operation. */
export const faults = ["kill", "torn", "ENOSPC", "EIO", "short", "EINTR"] as const;

/**
 * - `kill`: that operation and all later ones do not happen, as if the process were gone.
 * - `torn`: half of a write happens, or all of another operation; then as `kill`.
 * - `ENOSPC`, `EIO`: that operation fails, later ones work.
 * - `short`: a write takes half of the bytes.
 * - `EINTR`: that operation is interrupted and must be tried again.
 */
export type Fault = typeof faults[number];

/**
 * The operations at which a fault is tried: all of them at night, else a `sample`. A process that is killed,
 * and one that goes on after a failure, are tried at the first and the last operation of each name, other
 * faults at one in the middle.
 */
export type Extent = "all" | "sample";

/** Those operations by their places. */
export function placesOf(fault: Fault, operations: readonly string[], extent: Extent): number[] {
  const places = possible(fault, operations);
  if (extent === "all") return places;
  if (fault !== "kill" && fault !== "EIO") return [places[places.length >> 1]];
  return places.filter((at) =>
    at === operations.indexOf(operations[at]) || at === operations.lastIndexOf(operations[at])
  );
}

/**
 * Only a write can be torn or short. Any other operation that is torn has happened, as if the process had been
 * killed at the next one, and none is short.
 */
function possible(fault: Fault, operations: readonly string[]): number[] {
  const places = [...operations.keys()];
  if (fault !== "torn" && fault !== "short") return places;
  return places.filter((at) => operations[at] === "write");
}

/** The errors as Deno throws them. */
const errorOf: Partial<Record<Fault, () => Error>> = {
  ENOSPC: () =>
    Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" }),
  EIO: () => Object.assign(new Error("Input/output error (os error 5)"), { code: "EIO" }),
  EINTR: () => new Deno.errors.Interrupted("Interrupted system call (os error 4)"),
};

/** A disk without space: no new file, but all else works. */
export function fullDisk(): Disposable {
  const create = () => Promise.reject(errorOf.ENOSPC!());
  return replaceDisk((system) => ({ ...system, create, syncFolder: nothing }));
}

/** Instead of a flush, which takes milliseconds: this process dies in name only. */
const nothing = () => Promise.resolve();

/** The disk of this process, until it is disposed, with a fault at the operation of one number. */
export class FaultyDisk implements Disposable {
  /** The names of the operations so far. */
  readonly names: string[] = [];
  readonly #fault: Fault | undefined;
  readonly #at: number;
  readonly #restore: Disposable;
  readonly #open = new Set<NewFile>();
  #isDead = false;

  /** Without a fault, the operations are counted only. */
  constructor(fault?: Fault, at = -1) {
    this.#fault = fault;
    this.#at = at;
    this.#restore = replaceDisk((system) => this.#over(system));
  }

  /** True if the operation with the fault was reached. */
  get isReached(): boolean {
    return this.names.length > this.#at;
  }

  /** The name of the operation with the fault. */
  get faulty(): string {
    return this.names[this.#at];
  }

  /** Closes what the dead process had open, and gives the system's disk back. */
  [Symbol.dispose](): void {
    for (const file of this.#open) file[Symbol.dispose]();
    this.#open.clear();
    this.#restore[Symbol.dispose]();
  }

  #over(system: Disk): Disk {
    return {
      makeFolder: (path) => this.#do("makeFolder", () => system.makeFolder(path)),
      create: (path, mode) =>
        this.#do("create", async () => this.#overFile(await system.create(path, mode))),
      extend: (path, kept) =>
        this.#do("extend", async () => this.#overFile(await system.extend(path, kept))),
      link: (target, path) => this.#do("link", () => system.link(target, path)),
      setMode: (path, mode) => this.#do("setMode", () => system.setMode(path, mode)),
      rename: (from, to) => this.#do("rename", () => system.rename(from, to)),
      remove: (path) => this.#do("remove", () => system.remove(path)),
      removeAll: (path) => this.#do("removeAll", () => system.removeAll(path)),
      syncFolder: () => this.#do("syncFolder", nothing),
    };
  }

  #overFile(file: NewFile): NewFile {
    this.#open.add(file);
    return {
      write: (bytes) =>
        this.#do(
          "write",
          () => file.write(bytes),
          () => file.write(bytes.subarray(0, Math.ceil(bytes.length / 2))),
        ),
      sync: () => this.#do("sync", nothing),
      [Symbol.dispose]: () => {
        if (this.#open.delete(file)) file[Symbol.dispose]();
      },
    };
  }

  async #do<T>(name: string, all: () => Promise<T>, half = all): Promise<T> {
    const isFaulty = this.names.push(name) - 1 === this.#at, fault = this.#fault;
    if (this.#isDead) throw new Error("killed");
    if (!isFaulty) return await all();
    if (fault === "short") return await half();
    if (fault === "torn") await half();
    if (fault === "torn" || fault === "kill") {
      this.#isDead = true;
      throw new Error("killed");
    }
    throw errorOf[fault!]!();
  }
}
