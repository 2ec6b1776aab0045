import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  listFolder,
  makeFolder,
  prepareFolder,
  readBytes,
  readJson,
  readText,
} from "../../src/storage/files.ts";
import { blobOf, fileIn, hasFile, kindOf, openFile } from "../../src/storage/storage.ts";
import { serveFolder } from "../../scripts/support/serve.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";

const inMemory = [new File(["01234"], "digits.txt"), new File(['{"a":1}'], "a.json")];

Deno.test("a file is found in a folder on the disk and in memory", async () => {
  assertEquals(["", "x", "x/", "/"].map((folder) => String(fileIn(folder, "y"))), [
    "y",
    "x/y",
    "x/y",
    "/y",
  ]);
  assertEquals(fileIn(inMemory, "a.json"), inMemory[1]);
  assertThrows(
    () => fileIn(inMemory, "b"),
    Error,
    "cannot read b: it is not among the files in memory",
  );
  assertEquals(await hasFile(inMemory, "a.json"), true);
  assertEquals(await hasFile(inMemory, "b"), false);
});

Deno.test("a file in memory is read as one on the disk", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/digits.txt`, "01234");
    for (const source of [folder, inMemory]) {
      const file = fileIn(source, "digits.txt");
      assertEquals(await readText(file), "01234");
      assertEquals(new TextDecoder().decode(await readBytes(file)), "01234");
      using open = await openFile(file);
      assertEquals(open.bytes, 5);
      const parts = await Promise.all([open.read(3, 2), open.read(0, 1), open.read(5, 0)]);
      assertEquals(parts.map((part) => [...part]), [[51, 52], [48], []]);
      await assertRejects(() => open.read(4, 3), SyntaxError, "the file ends 2 bytes too early");
    }
    assertEquals(await readJson(inMemory[1]), { a: 1 });
    await assertRejects(
      () => readJson(inMemory[0]),
      SyntaxError,
      "cannot read digits.txt: it is not JSON",
    );
  }));

Deno.test("a path leads to a file, a folder or nothing", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const kinds = ["", "/file", "/none", "/file/below"].map((path) => kindOf(folder + path));
    assertEquals(await Promise.all(kinds), ["folder", "file", undefined, undefined]);
    assertEquals(await hasFile(folder, "file"), true);
    assertEquals(await listFolder(folder), ["file"]);
    await assertRejects(() => listFolder(`${folder}/none`), Error, "none: it does not exist");
  }));

Deno.test("a folder is made, and one that cannot be written is named", () =>
  withFolder(async (folder) => {
    await makeFolder(`${folder}/a/b`);
    await prepareFolder(`${folder}/a/b`);
    assertEquals(filesIn(folder), ["a"]);
    await Deno.writeTextFile(`${folder}/file`, "");
    const file = `${folder}/file`;
    await assertRejects(
      () => makeFolder(file),
      Error,
      `cannot make the folder ${file}: it is a file`,
    );
    await assertRejects(
      () => prepareFolder(file),
      Error,
      `cannot write to the folder ${file}: it is a file`,
    );
  }));

Deno.test("where there is no disk a file is fetched", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "text");
    await using server = serveFolder(`${folder}/`);
    assertEquals(await (await blobOf(`${server.url}file`)).text(), "text");
    const missing = `${server.url}none`;
    await assertRejects(() => blobOf(missing), Error, `cannot read ${missing}: it does not exist`);
  }));
