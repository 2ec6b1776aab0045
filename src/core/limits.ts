/**
 * The most that a file or a server may ask of us. Every limit that is not a matter of mathematics is
 * here, far above what real models have, so that a broken or hostile file ends in a sentence.
 *
 * @module
 */

/** Bytes of a JSON file; the largest tokenizers have 35 MB. */
export const mostJsonBytes: number = 256 * 2 ** 20;

/** Threads of a `cpu` device: a kernel keeps 16 busy, and each takes 1 MiB. */
export const mostThreads: number = 256;
