/** Compressed bytes. @module */

/** How bytes are compressed. */
export type Compression = "gzip" | "deflate-raw";

/**
 * The bytes that others stand for, part by part, so that little memory is used.
 *
 * @throws {SyntaxError} when they are damaged, or stand for more than `most`.
 */
export async function* decompressed(
  packed: Uint8Array<ArrayBuffer>,
  kind: Compression,
  most: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let total = 0;
  try {
    for await (
      const part of new Blob([packed]).stream().pipeThrough(new DecompressionStream(kind))
    ) {
      total += part.length;
      if (total > most) break;
      yield part;
    }
  } catch {
    throw new SyntaxError("its compressed data is damaged");
  }
  if (total > most) throw new SyntaxError(`its compressed data stands for more than ${most} bytes`);
}

/**
 * The same as a whole.
 *
 * @throws {SyntaxError} when they are damaged, or stand for more than `most`.
 */
export async function decompress(
  packed: Uint8Array<ArrayBuffer>,
  kind: Compression,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts = await Array.fromAsync(decompressed(packed, kind, most));
  return await new Blob(parts).bytes();
}
