/** Files that are open, on the disk or in memory. @module */

/** A file that can be read at any position; disposing of it closes it. */
export interface OpenFile extends Disposable {
  /** Its size. */
  readonly bytes: number;
  /**
   * Reads `length` bytes from an offset; several reads may run at the same time.
   *
   * @param into Where they are put, if they are not to take new memory; the result is the part of it.
   * @throws {SyntaxError} when the file ends earlier.
   */
  read(
    offset: number,
    length: number,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file in memory. */
export function openBlob(blob: Blob): OpenFile {
  const read = async (offset: number, length: number, into?: Uint8Array<ArrayBuffer>) => {
    const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    if (bytes.length < length) throw endsEarly(length - bytes.length);
    if (!into) return bytes;
    into.set(bytes);
    return into.subarray(0, length);
  };
  return { bytes: blob.size, read, [Symbol.dispose]: () => {} };
}

/** A file on the disk. */
export function openDiskFile(file: Deno.FsFile): OpenFile {
  const read = (offset: number, length: number, into = new Uint8Array(length)) =>
    Promise.try(readAt, file, offset, into.subarray(0, length));
  return { bytes: file.statSync().size, read, [Symbol.dispose]: () => file.close() };
}

/** Synchronous, so that two reads at the same time cannot move each other's position. */
function readAt(
  file: Deno.FsFile,
  offset: number,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) throw endsEarly(bytes.length - filled);
    filled += count;
  }
  return bytes;
}

function endsEarly(missing: number): SyntaxError {
  return new SyntaxError(`the file ends ${missing} bytes too early`);
}
