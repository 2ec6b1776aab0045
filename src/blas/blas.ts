/** The system's BLAS. @module */

import { type BlasLibrary, definitions, findLibrary, limitThreads } from "./library.ts";
import { nameOf } from "./name.ts";
import { sgemmIn, sgemmRange } from "./sgemm.ts";

/** What a worker needs to open the library that the main thread found. */
export interface BlasPlace {
  /** Name or path for `Deno.dlopen`. */
  readonly path: string;
  /** The symbols. */
  readonly definitions: ReturnType<typeof definitions>;
}

/** Opens the system's BLAS, or returns `undefined` if there is none: see {@link findLibrary}. */
export function openBlas(): Blas | undefined {
  const found = findLibrary(definitions);
  return found && new Blas(found.library, { path: found.path, definitions: found.definitions });
}

/** What {@link openBlas} opens. The caller disposes of it. */
export class Blas implements Disposable {
  /**
   * Such as `OpenBLAS 0.3.29 SkylakeX`; the last word is the kernels it chose, as others round
   * differently.
   */
  readonly name: string;
  /** For workers; `undefined` if the library splits its work among threads that we cannot turn off. */
  readonly place: BlasPlace | undefined;
  /** One thread's part of a product: see {@link sgemmRange}. */
  readonly multiply: (...values: number[]) => void;
  readonly #library: BlasLibrary;

  /** Takes ownership of an open library and limits it to one thread per call. */
  constructor(library: BlasLibrary, place: BlasPlace) {
    const { symbols } = library;
    this.#library = library;
    this.place = limitThreads(symbols) ? place : undefined;
    this.name = nameOf(symbols);
    this.multiply = sgemmRange(symbols.sgemm);
  }

  /** Products for kernels, see {@link sgemmIn}; `undefined` where workers cannot have them too. */
  productsIn(base: number): ((...values: number[]) => void) | undefined {
    return this.place && sgemmIn(this.#library.symbols.sgemm, base);
  }

  /** Closes the library. */
  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/** The address where a memory begins. A shared memory never moves, even when it grows. */
export function baseOf(memory: SharedArrayBuffer): number {
  const bytes = new Uint8Array(memory as unknown as ArrayBuffer); // the types do not allow shared buffers
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}
