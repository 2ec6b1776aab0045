/** The block of shared memory through which the main thread commands the others. @module */

/** Indices into the `Int32Array` over the block. */
export const flags = {
  /** Counts commands; workers sleep on it. */
  command: 0,
  /** Workers that have not finished the present command; the main thread sleeps on it. */
  pending: 1,
  /** Workers that have begun it. */
  begun: 2,
  /** 1 when the workers shall end. */
  stop: 3,
  /** 1 when a kernel threw on a worker. */
  failed: 4,
} as const;

/** Byte offset of the `Float64Array` that holds a command: export, argument count, arguments. */
export const commandOffset = 64;

/** Most arguments of a kernel. */
const maxArguments = 48;

/** Where the ranges begin in it: begin and end of each worker. */
export const rangesAt = 2 + maxArguments;

/** A block for some workers. */
export function controlBlock(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(commandOffset + 8 * (rangesAt + 2 * workers));
}
