/**
 * The most that a file or a server may ask of us. Every limit that is not a matter of mathematics is
 * here, far above what real models have, so that a broken or hostile file ends in a sentence.
 *
 * @module
 */

/** Bytes of a JSON or text file; the largest tokenizers have 35 MB. */
export const mostJsonBytes: number = 256 * 2 ** 20;

/** Bytes of any other file that is read as a whole. */
export const mostFileBytes: number = 2 ** 32;

/** How deep JSON may be nested; `JSON.parse` takes minutes for 20 MB of brackets. */
export const mostNesting = 512;

/** Bytes of a safetensors header: the format's own limit. */
export const mostHeaderBytes = 100_000_000;

/** Tensors of a model, in one file or in all of its shards; the largest have 200,000. */
export const mostTensors: number = 2 ** 20;

/** Bytes of one tensor in a file; the largest embeddings have 9 GB. */
export const mostTensorBytes: number = 2 ** 34;

/** Characters of a tensor's name. */
export const mostNameLength = 1024;

/** Axes of a tensor: as many as NumPy has. */
export const mostAxes = 64;

/** Files of a sharded model; the largest have 200. */
export const mostShards = 2048;

/** Bytes of the index of a sharded model at a URL; the largest have 10 MB. */
export const mostIndexBytes: number = 64 * 2 ** 20;

/** Blocks of an architecture that is listed from its configuration. */
export const mostBlocks = 10_000;

/** Time of all requests for the headers of one model at a URL, in milliseconds. */
export const mostRemoteMs = 600_000;
