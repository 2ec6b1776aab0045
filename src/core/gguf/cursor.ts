/** Reads the fields of a GGUF header one after another. @module */

import { decodeText } from "../json.ts";

/** The first bytes of a file end before its header does: to be read again with more of them. */
export class HeaderGoesOn extends Error {}

/** Throws the sentence for a rule that a GGUF file breaks. */
export function broken(rule: string): never {
  throw new SyntaxError(`not a GGUF file that can be read: ${rule}`);
}

/** A place in the first bytes of a file, which moves on with each field. */
export class Cursor {
  /** The offset of the next byte. */
  at = 0;
  readonly #view: DataView;

  /**
   * Begins with the first byte.
   *
   * @param bytes The beginning of the file.
   * @param fileBytes The size of the whole file.
   */
  constructor(readonly bytes: Uint8Array<ArrayBuffer>, readonly fileBytes: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many bytes of the file are left. */
  get left(): number {
    return this.fileBytes - this.at;
  }

  /**
   * Moves on by some bytes and gives the offset of the first.
   *
   * @throws {SyntaxError} when the file ends within them.
   * @throws {HeaderGoesOn} when only the bytes at hand do.
   */
  take(length: number): number {
    if (length > this.left) {
      broken(`the header must end within the file's ${this.fileBytes} bytes, found a field beyond`);
    }
    const start = this.at;
    if (start + length > this.bytes.length) throw new HeaderGoesOn();
    this.at += length;
    return start;
  }

  /** An unsigned integer of 32 bits. */
  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  /** An unsigned integer of 64 bits. */
  u64(): bigint {
    return this.#view.getBigUint64(this.take(8), true);
  }

  /** A number of things in the header, of which each takes some bytes: the file must hold as many. */
  count(what: string, leastBytes: number): number {
    const found = this.u64();
    if (found * BigInt(leastBytes) <= BigInt(this.left)) return Number(found);
    return broken(`the file must hold all of its ${what}, found a count of ${found}`);
  }

  /** A text with its length before it. */
  text(what: string, mostBytes: number): string {
    const length = this.count(`bytes of ${what}`, 1);
    if (length > mostBytes) broken(`${what} may have at most ${mostBytes} bytes, found ${length}`);
    const start = this.take(length);
    try {
      return decodeText(this.bytes.subarray(start, start + length));
    } catch {
      return broken(`${what} must be UTF-8, found other bytes at ${start}`);
    }
  }

  /** The bytes of `count` numbers, aligned as none of the file is. */
  numbers(count: number, bytesEach: number): ArrayBuffer {
    const start = this.take(count * bytesEach);
    return this.bytes.slice(start, start + count * bytesEach).buffer;
  }
}
