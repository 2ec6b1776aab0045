import { assertEquals, assertRejects } from "@std/assert";
import { readZipped, unzip } from "../../src/storage/zip.ts";
import { zipOf } from "../support/zip.ts";

/** Files of ZIP archives: what the system's own programs write, and what is broken. */

const text = "a cheap pub\n".repeat(100), utf8 = new TextEncoder();
const files = { "e/a.csv": text, "b.txt": "b" };
const read = async (archive: Uint8Array<ArrayBuffer>, name: string, most = 1e6) =>
  new TextDecoder().decode(await unzip(archive, name, most));

Deno.test("stored and deflated files are read, behind anything and before a comment", async () => {
  for (const method of [0, 8] as const) {
    const archive = await zipOf(files, { method });
    assertEquals([await read(archive, "e/a.csv"), await read(archive, "b.txt")], [text, "b"]);
    const commented = await zipOf(files, { method, comment: "PK\x05\x06 is not the end" });
    assertEquals(await read(commented, "b.txt"), "b");
  }
});

Deno.test("no archive, no such file, too large a file and another checksum are refused", async () => {
  const archive = await zipOf(files, { method: 8 });
  const fails = (bytes: Uint8Array<ArrayBuffer>, name: string, part: string, most?: number) =>
    assertRejects(() => read(bytes, name, most), Error, part);
  await fails(utf8.encode("no archive"), "b.txt", "it is not a ZIP archive");
  await fails(new Uint8Array(0), "b.txt", "it is not a ZIP archive");
  await fails(archive, "c.txt", 'it has no file "c.txt" among its 2');
  await fails(archive, "e/a.csv", "e/a.csv must have at most 100 bytes, found 1200", 100);
  const wrong = await zipOf(files, { method: 0 });
  wrong[wrong.indexOf("a".charCodeAt(0), 60)] ^= 1;
  await fails(wrong, "e/a.csv", "damaged");
  await fails(archive.slice(30), "e/a.csv", "broken ZIP archive");
});

Deno.test("a file that unpacks to more than it says is not unpacked", async () => {
  const archive = await zipOf(files, { method: 8, size: 50 });
  await assertRejects(() => read(archive, "e/a.csv"), SyntaxError, "stands for more than 50 bytes");
});

Deno.test("errors of an archive on disk name it", async () => {
  const archive = new File([utf8.encode("nothing")], "mine.zip");
  const expected = "cannot read mine.zip: it is not a ZIP archive";
  await assertRejects(() => readZipped(archive, "a", 10), SyntaxError, expected);
});
