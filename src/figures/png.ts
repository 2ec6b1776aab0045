/** Pixels as a PNG file (W3C, Portable Network Graphics). @module */

import { crc32, deflateSync } from "node:zlib";

/** A picture: four bytes per pixel (red, green, blue, opacity), rows from the top. */
export interface Pixels {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 4 · width · height bytes. */
  readonly data: Uint8ClampedArray;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Encodes a picture; each byte is stored as its difference from the one above, which compresses better. */
export function encodePng({ width, height, data }: Pixels): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 6], 8); // eight bits a channel; red, green, blue, opacity
  const stride = 4 * width, rows = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++) {
    const row = rows.subarray(y * (stride + 1), (y + 1) * (stride + 1));
    row[0] = 2; // the filter "up"
    for (let x = 0; x < stride; x++) {
      row[1 + x] = data[y * stride + x] - (y > 0 ? data[(y - 1) * stride + x] : 0);
    }
  }
  const body = deflateSync(rows, { level: 9 });
  return joined([signature, chunk("IHDR", header), chunk("IDAT", body), chunk("IEND", header, 0)]);
}

function chunk(type: string, content: Uint8Array, length = content.length): Uint8Array {
  const bytes = new Uint8Array(12 + length), view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(content.subarray(0, length), 8);
  view.setUint32(8 + length, crc32(bytes.subarray(4, 8 + length)));
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
