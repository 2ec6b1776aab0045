/** Reads PNG files of 8-bit RGBA with the filter "up", which is all that we write. */

import { inflateSync } from "node:zlib";
import type { Pixels } from "../../src/figures/still.ts";

/** The picture in a file of one data chunk. */
export function decodePng(file: Uint8Array): Pixels {
  const view = new DataView(file.buffer, file.byteOffset), text = new TextDecoder("latin1");
  const parts = new Map<string, Uint8Array>();
  for (let at = 8; at < file.length; at += 12 + view.getUint32(at)) {
    const start = at + 8;
    parts.set(
      text.decode(file.subarray(at + 4, start)),
      file.subarray(start, start + view.getUint32(at)),
    );
  }
  const header = parts.get("IHDR")!, size = new DataView(header.buffer, header.byteOffset);
  const width = size.getUint32(0), height = size.getUint32(4), stride = 4 * width;
  const rows = inflateSync(parts.get("IDAT")!), data = new Uint8ClampedArray(stride * height);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    if (rows[start] !== 2) throw new Error(`row ${y} has filter ${rows[start]}`);
    for (let x = 0; x < stride; x++) {
      const above = y > 0 ? data[(y - 1) * stride + x] : 0;
      data[y * stride + x] = (rows[start + 1 + x] + above) & 255;
    }
  }
  return { width, height, data };
}
