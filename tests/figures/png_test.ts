import { assertEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import { encodePng } from "../../src/figures/still.ts";
import { decodePng } from "./decode_png.ts";

Deno.test("a PNG holds its pixels, and a check sum for each chunk", () => {
  const data = Uint8ClampedArray.from({ length: 4 * 3 * 2 }, (_, i) => 10 * i);
  const file = encodePng({ width: 3, height: 2, data });
  const view = new DataView(file.buffer);
  for (let at = 8; at < file.length;) {
    const end = at + 8 + view.getUint32(at);
    assertEquals(view.getUint32(end), crc32(file.subarray(at + 4, end)));
    at = end + 4;
  }
  assertEquals(decodePng(file), { width: 3, height: 2, data });
});
