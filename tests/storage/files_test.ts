import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readJson, writeFileAtomic, writeJsonAtomic } from "../../src/storage/files.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { canLimitFiles, runWithFileLimit } from "../support/full_disk.ts";

Deno.test("writes bytes, text and pieces, and replaces what was there", () =>
  withFolder(async (folder) => {
    const path = `${folder}/file`;
    await writeFileAtomic(path, Uint8Array.of(1, 2));
    assertEquals([...await Deno.readFile(path)], [1, 2]);
    await writeFileAtomic(path, [Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)], 3);
    assertEquals([...await Deno.readFile(path)], [3, 4, 5]);
    await writeFileAtomic(path, "text");
    assertEquals(await Deno.readTextFile(path), "text");
    assertEquals(filesIn(folder), ["file"]);
  }));

Deno.test("no pieces make an empty file", () =>
  withFolder(async (folder) => {
    await writeFileAtomic(`${folder}/file`, []);
    assertEquals(await Deno.readFile(`${folder}/file`), new Uint8Array(0));
  }));

Deno.test("a list of pieces has the size that it is said to have", () =>
  withFolder(async (folder) => {
    const pieces = [Uint8Array.of(3), Uint8Array.of(4, 5)];
    const message = "(wrote 0 of 3 bytes)";
    await assertRejects(() => writeFileAtomic(`${folder}/none/x`, pieces, 3), Error, message);
  }));

Deno.test("several writers of one file do not remove each other's new bytes", () =>
  withFolder(async (folder) => {
    const write = async (writer: number) => {
      for (let i = 0; i < 200; i++) await writeFileAtomic(`${folder}/file`, `${writer}`);
    };
    await Promise.all([0, 1, 2].map(write));
    assertEquals(filesIn(folder), ["file"]);
  }));

Deno.test("JSON has an indent of two and a final line break", () =>
  withFolder(async (folder) => {
    await writeJsonAtomic(`${folder}/a.json`, { a: [1] });
    assertEquals(await Deno.readTextFile(`${folder}/a.json`), '{\n  "a": [\n    1\n  ]\n}\n');
    assertEquals(await readJson(`${folder}/a.json`), { a: [1] });
  }));

Deno.test("readJson says which file is not JSON or does not exist", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/bad.json`, "{,}");
    await assertRejects(
      () => readJson(`${folder}/bad.json`),
      SyntaxError,
      "bad.json: it is not JSON",
    );
    await assertRejects(
      () => readJson(`${folder}/none.json`),
      Error,
      "none.json: it does not exist",
    );
  }));

Deno.test("a failure of the content leaves the old file and nothing else", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "old");
    function* pieces(): Generator<Uint8Array> {
      yield new Uint8Array(10);
      throw new RangeError("no more");
    }
    await assertRejects(() => writeFileAtomic(`${folder}/file`, pieces()), RangeError, "no more");
    assertEquals(await Deno.readTextFile(`${folder}/file`), "old");
    assertEquals(filesIn(folder), ["file"]);
  }));

Deno.test("a folder that is missing, a file or not writable is named", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await Deno.mkdir(`${folder}/taken/inner`, { recursive: true });
    const write = (name: string) => writeFileAtomic(`${folder}/${name}`, "12345");
    await assertRejects(
      () => write("none/x"),
      Error,
      "none/x: its folder does not exist (wrote 0 of 5 bytes); an older file there is unchanged",
    );
    await assertRejects(() => write("file/x"), Error, "file/x: its folder is not a folder");
    await assertRejects(() => write("taken"), Error, "taken: it is a folder");
    assertEquals(filesIn(folder), ["file", "taken"]);
  }));

// The super-user may write anywhere, so there is nothing to test.
if (Deno.build.os !== "windows" && Deno.uid() !== 0) {
  Deno.test("a read-only folder is named and its file stays", () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/file`, "old");
      await Deno.chmod(folder, 0o555);
      try {
        await assertRejects(() => writeFileAtomic(`${folder}/file`, "new"), Error, "not writable");
        assertEquals(await Deno.readTextFile(`${folder}/file`), "old");
      } finally {
        await Deno.chmod(folder, 0o755);
      }
    }));
}

/** A program that tries to write and prints the error's message. */
const attempt = (folder: string, bytes: number): string => `
  import { writeFileAtomic } from "./src/storage/files.ts";
  await writeFileAtomic("${folder}/file", new Uint8Array(${bytes}))
    .then(() => console.log("written"), (error) => console.log(error.message));
`;

Deno.test({
  name: "a disk that fills up leaves the old file and nothing else",
  ignore: !canLimitFiles,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/file`, "old");
      const message = await runWithFileLimit(64, attempt(folder, 100_000));
      assertStringIncludes(message, `cannot write ${folder}/file: the file would be larger`);
      assertStringIncludes(
        message,
        "(wrote 65536 of 100000 bytes); an older file there is unchanged",
      );
      assertEquals(await Deno.readTextFile(`${folder}/file`), "old");
      assertEquals(filesIn(folder), ["file"]);
    }),
});

Deno.test({
  name: "a folder without write permission leaves the old file",
  ignore: !canLimitFiles,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/file`, "old");
      const elsewhere = ["--allow-read", `--allow-write=${folder}/other`];
      const message = await runWithFileLimit(64, attempt(folder, 10), elsewhere);
      assert(message.startsWith(`cannot write ${folder}/file: `), message);
      assertEquals(await Deno.readTextFile(`${folder}/file`), "old");
      assertEquals(filesIn(folder), ["file"]);
    }),
});
