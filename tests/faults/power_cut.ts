/** A disk that may lose whatever was not flushed when the power fails. @module */

import { assert } from "@std/assert";
import { type Disk, type NewFile, replaceDisk } from "../../src/storage/disk.ts";
import { splitPath } from "../../src/storage/storage.ts";

/** The bytes of a file, and whether the disk has them. */
interface Content {
  bytes: Uint8Array;
  isFlushed: boolean;
}

/** The files of a folder by their paths. */
type Names = Map<string, Content>;

/** A change of names that the disk may make at any time before the folder is flushed. */
type Change = (names: Names) => void;

/** The disk of this process, until it is disposed, for saves to one folder; the power fails at one operation. */
export class PowerCutDisk implements Disposable {
  readonly #at: number;
  readonly #restore: Disposable;
  /** The files as the process sees them. */
  readonly #seen: Names;
  /** The files on the disk, with all changes that may still be lost. */
  readonly #kept: Names;
  readonly #changes: Change[] = [];
  #count = 0;

  constructor(folder: string, at: number) {
    const files = Array.from(Deno.readDirSync(folder), ({ name }): [string, Content] => {
      const path = `${folder}/${name}`;
      return [path, { bytes: Deno.readFileSync(path), isFlushed: true }];
    });
    [this.#seen, this.#kept, this.#at] = [new Map(files), new Map(files), at];
    this.#restore = replaceDisk((system) => this.#over(system));
  }

  /** True if the power has failed. */
  get isReached(): boolean {
    return this.#count > this.#at;
  }

  /** Everything that the folder may hold then, by name: any changes, and unflushed files empty or torn. */
  outcomes(): Map<string, Uint8Array>[] {
    const changes = this.#changes;
    assert(changes.length <= 10, `found ${changes.length} changes that are not flushed`);
    const found = new Map<string, Map<string, Uint8Array>>();
    for (let subset = 0; subset < 2 ** changes.length; subset++) {
      const names = new Map(this.#kept);
      changes.filter((_, i) => subset >> i & 1).forEach((change) => change(names));
      for (const share of [0, 0.5]) {
        const files = Array.from(names, ([path, { bytes, isFlushed }]) => {
          const kept = isFlushed ? bytes : bytes.subarray(0, share * bytes.length);
          return [splitPath(path).name, kept] as const;
        });
        const key = files.map(([name, bytes]) => `${name} ${bytes.toHex()}`).sort().join();
        found.set(key, new Map(files));
      }
    }
    return [...found.values()];
  }

  /** Gives the system's disk back. */
  [Symbol.dispose](): void {
    this.#restore[Symbol.dispose]();
  }

  #over(system: Disk): Disk {
    return {
      ...system,
      create: (path, mode) =>
        this.#do(async () => {
          const file = await system.create(path, mode), content = emptyContent();
          this.#change((names) => names.set(path, content));
          return this.#overFile(file, content);
        }),
      rename: (from, to) =>
        this.#do(async () => {
          await system.rename(from, to);
          const content = this.#seen.get(from)!;
          this.#change((names) => {
            if (names.get(from) === content) names.delete(from);
            names.set(to, content);
          });
        }),
      remove: (path) =>
        this.#do(async () => {
          await system.remove(path);
          const content = this.#seen.get(path);
          this.#change((names) => names.get(path) === content && names.delete(path));
        }),
      syncFolder: () =>
        this.#do(() => {
          for (const change of this.#changes.splice(0)) change(this.#kept);
          return Promise.resolve();
        }),
    };
  }

  #overFile(file: NewFile, content: Content): NewFile {
    return {
      write: (bytes) =>
        this.#do(async () => {
          const count = await file.write(bytes);
          content.bytes = Uint8Array.of(...content.bytes, ...bytes.subarray(0, count));
          content.isFlushed = false;
          return count;
        }),
      sync: () => this.#do(() => Promise.resolve(void (content.isFlushed = true))),
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  }

  #change(change: Change): void {
    change(this.#seen);
    this.#changes.push(change);
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count++ >= this.#at) throw new Error("the power is cut");
    return await work();
  }
}

const emptyContent = (): Content => ({ bytes: new Uint8Array(0), isFlushed: true });
