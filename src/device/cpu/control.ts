/**
 * The block of shared memory through which threads share the work of a kernel.
 *
 * A command is cut into chunks, and whoever is free claims the next: a worker that wakes late, or shares its
 * processor with another program, holds nobody up. The `ticket` holds a count of commands in its upper 24
 * bits and the unclaimed chunks in its lower 8. To claim one is to lower it by compare-and-exchange, which
 * succeeds only while the command that was read before it is still the present one.
 *
 * @module
 */

/** Indices into the `Int32Array` over the block. */
export const flags = {
  /** Command and unclaimed chunks; idle workers sleep on it. */
  ticket: 0,
  /** Chunks that are not done; the main thread sleeps on it. */
  pending: 1,
  /** Workers that are about to sleep or do. */
  sleepers: 2,
  /** 1 when the workers shall end. */
  stop: 3,
  /** 1 when a kernel threw on a worker. */
  failed: 4,
} as const;

/** Bits of the ticket that count chunks. */
export const chunkMask = 255;

/** Byte offset of the `Float64Array` that holds a command. */
export const commandOffset = 64;

/** Where its parts are: an export's index, units in all and in each chunk, and the arguments. */
export const order = { index: 0, units: 1, size: 2, count: 3, values: 4 } as const;

/** Most arguments of a kernel. */
const maxArguments = 48;

/** Makes a block. */
export function controlBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(commandOffset + 8 * (order.values + maxArguments));
}
