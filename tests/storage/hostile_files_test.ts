import { assertEquals, assertRejects } from "@std/assert";
import { mostFileBytes, mostJsonBytes, mostNesting } from "../../src/core/limits.ts";
import { readBytes, readJson, readText } from "../../src/storage/files.ts";
import { openFile } from "../../src/storage/storage.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { withFolder } from "../../scripts/support/folders.ts";

/** Files that are not what they seem: each ends in a sentence, at once. */

const isUnix = Deno.build.os !== "windows";

/** Every way to read a file. */
const readers = [readJson, readText, readBytes, openFile];

async function refuses(path: string, reason: string, ways = readers): Promise<void> {
  for (const read of ways) {
    const reading = deadline(Promise.resolve(read(path)), 5000, `${read.name} of ${path}`);
    const error = await assertRejects(() => reading, Error);
    assertEquals(error.message, `cannot read ${path}: ${reason}`);
  }
}

Deno.test({
  name: "a device, a pipe, a socket and a folder are not opened",
  ignore: !isUnix,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.symlink("/dev/zero", `${folder}/endless.json`);
      await new Deno.Command("mkfifo", { args: [`${folder}/pipe.json`] }).output();
      using _socket = Deno.listen({ transport: "unix", path: `${folder}/socket.json` });
      await Deno.mkdir(`${folder}/folder.json`);
      for (const name of ["endless", "pipe", "socket"]) {
        await refuses(
          `${folder}/${name}.json`,
          "it is not a regular file; save its contents to one first",
        );
      }
      await refuses(`${folder}/folder.json`, "it is a folder");
    }),
});

Deno.test("a file of 1 TB is refused before a byte of it is read", () =>
  withFolder(async (folder) => {
    const path = `${folder}/vast`, bytes = 2 ** 40;
    await Deno.writeFile(path, new Uint8Array(0));
    await Deno.truncate(path, bytes);
    const most = (limit: number) => `it may have at most ${limit} bytes, found ${bytes}`;
    await refuses(path, most(mostJsonBytes), [readJson, readText]);
    await refuses(path, most(mostFileBytes), [readBytes]);
  }));

Deno.test({
  name: "a file that has more than it claims is read to its end, and no further than its limit",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const path = "/proc/self/maps", whole = await readBytes(path);
    assertEquals((await Deno.stat(path)).size, 0);
    assertEquals(whole.length > 1000, true);
    const error = await assertRejects(() => readBytes(path, 100), Error);
    assertEquals(/: it may have at most 100 bytes, found \d+$/.test(error.message), true);
  },
});

Deno.test("text is UTF-8 and nothing in it is dropped, on disk and in memory", () =>
  withFolder(async (folder) => {
    const bytesOf = (text: string) => new TextEncoder().encode(text);
    const cases: [name: string, Uint8Array<ArrayBuffer>, sentence: string][] = [
      ["mark.json", bytesOf("\ufeff{}"), "it is not JSON (it begins with a byte order mark)"],
      ["latin.json", Uint8Array.of(0x22, 0xe9, 0x22), "it is not JSON (it is not UTF-8)"],
      ["cut.json", bytesOf('{"a": '), "it is not JSON (Unexpected end of JSON input)"],
    ];
    for (const [name, bytes, sentence] of cases) {
      const path = `${folder}/${name}`;
      await Deno.writeFile(path, bytes);
      for (const source of [path, new File([bytes], name)]) {
        const error = await assertRejects(() => readJson(source), SyntaxError);
        const found = typeof source === "string" ? path : name;
        assertEquals(error.message, `cannot read ${found}: ${sentence}`);
      }
    }
    const marked = [`${folder}/mark.json`, new File([bytesOf("\ufeff{}")], "mark.json")];
    for (const source of marked) assertEquals(await readText(source), "\ufeff{}");
    const latin = new File([Uint8Array.of(0xe9)], "latin.txt");
    await assertRejects(() => readText(latin), SyntaxError, "latin.txt: it is not UTF-8");
  }));

Deno.test("JSON nests as deep as any file does, and no deeper, in little time", async () => {
  const nested = (depth: number, [open, close] = "[]") => {
    const text = `${open.repeat(depth)}${close.repeat(depth)}`;
    return new File([text], "nested.json");
  };
  await readJson(nested(mostNesting));
  const sentence = `nested.json: it is not JSON (it is nested more than ${mostNesting} deep)`;
  await assertRejects(() => readJson(nested(mostNesting + 1)), SyntaxError, sentence);
  const objects = new File(['{"a":'.repeat(mostNesting + 1)], "nested.json");
  await assertRejects(() => readJson(objects), SyntaxError, sentence);
  // 20 MB: measured 20 ms here, 98 s in JSON.parse.
  const start = performance.now();
  await assertRejects(() => readJson(nested(10_000_000)), SyntaxError, sentence);
  assertEquals(performance.now() - start < 2000, true);
  const brackets = { a: '[[{"\\', b: ["[".repeat(9999), '\\"[' + "{".repeat(9999)] };
  assertEquals(await readJson(new File([JSON.stringify(brackets)], "text.json")), brackets);
});
