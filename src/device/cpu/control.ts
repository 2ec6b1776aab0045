/**
 * The block of shared memory through which threads share the work of a kernel.
 *
 * A command is split into chunks, and any idle thread claims the next one: a worker that wakes late, or
 * shares its processor with another program, does not delay the others. Every thread first claims the
 * chunks of its own share, so that the next kernel finds in a processor's cache what the last one wrote
 * there.
 *
 * The `ticket` holds a count of commands in its upper 16 bits and a bit for each unclaimed chunk in its
 * lower 16. A thread claims a chunk by clearing its bit with compare-and-exchange, which succeeds only
 * while the command that the thread has read is still the current one.
 *
 * @module
 */

/** Indices into the `Int32Array` over the block. */
export const flags = {
  /** Command count and unclaimed chunks; idle workers sleep on it. */
  ticket: 0,
  /** Chunks that are not done; the main thread sleeps on it. */
  pending: 1,
  /** Workers that sleep or are about to. */
  sleepers: 2,
  /** 1 when the workers must end. */
  stop: 3,
  /** 1 when a kernel threw on a worker. */
  failed: 4,
} as const;

/** Maximum number of chunks of a command. */
export const maxChunks = 16;

/** The ticket's bits for chunks. */
export const chunkMask = 2 ** maxChunks - 1;

/** Byte offset of the `Float64Array` that holds a command. */
export const commandOffset = 64;

/** Indices into the command: the export's index, units, grain, number of chunks, and the arguments. */
export const order = { index: 0, units: 1, grain: 2, chunks: 3, count: 4, values: 5 } as const;

/**
 * Allocates a block of one 64 KiB page. Browsers that hide SharedArrayBuffer still allow a shared
 * WebAssembly memory.
 */
export function controlBlock(): SharedArrayBuffer {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  return buffer as ArrayBufferLike as SharedArrayBuffer;
}

/**
 * The first unit of a chunk: a multiple of the grain, with chunks as equal as that allows. Its source
 * text is sent to the workers.
 */
export function chunkStart(chunk: number, chunks: number, units: number, grain: number): number {
  return chunk === chunks ? units : grain * Math.round(chunk * units / (chunks * grain));
}

/**
 * The bit of the chunk that a thread claims next, given the bits `left` of the unclaimed ones: the
 * first of its own share or, when none is left, the last of all, which its owner would claim last.
 *
 * Its source text is sent to the workers, so it must not refer to anything outside itself.
 */
export function nextChunk(left: number, chunks: number, thread: number, threads: number): number {
  const below = (share: number) => 2 ** Math.round(share * chunks / threads) - 1;
  const own = left & below(thread + 1) & ~below(thread);
  return own ? own & -own : 1 << (31 - Math.clz32(left));
}
