import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Disk, replaceDisk } from "../../src/storage/disk.ts";
import { writeFileAtomic } from "../../src/storage/files.ts";
import { claimFolder, copyFiles, type FolderFile, saveFolder } from "../../src/storage/folder.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";

/** Files and folders that are saved: who may save, what stays as it is, what is removed. */

/** Two files that belong together. */
const files = (content: string): FolderFile[] =>
  ["weights", "config.json"].map((name) => ({ name, content: `${content} ${name}` }));

/** Texts of the files in a folder. */
const textsIn = (folder: string): string[] =>
  filesIn(folder).map((name) => Deno.readTextFileSync(`${folder}/${name}`));

const [old, fresh] = ["old", "new"].map((text) => [`${text} config.json`, `${text} weights`]);

/** The system's disk with another operation. */
const withOperation = (change: (system: Disk) => Partial<Disk>) =>
  replaceDisk((system) => ({ ...system, ...change(system) }));

/** A failure of the disk. */
const broken = () => Promise.reject(Object.assign(new Error(), { code: "EIO" }));

Deno.test("a folder is made, filled and replaced; other files in it stay", () =>
  withFolder(async (root) => {
    const folder = `${root}/a/b`;
    await saveFolder(folder, files("old"));
    assertEquals(textsIn(folder), old);
    await Deno.writeTextFile(`${folder}/notes`, "mine");
    await saveFolder(folder, files("new"), () => ["missing"]);
    assertEquals(textsIn(folder), [fresh[0], "mine", fresh[1]]);
    await saveFolder(folder, files("new"), () => ["notes"]);
    assertEquals(textsIn(folder), fresh);
    await saveFolder(folder, [], () => ["weights"]);
    assertEquals(textsIn(folder), fresh.slice(0, 1));
  }));

Deno.test("while a folder is being saved, another save to it is refused", () =>
  withFolder(async (folder) => {
    const started = Promise.withResolvers<void>(), gate = Promise.withResolvers<void>();
    const message = `cannot use the folder ${folder}: it is in use by another save or training`;
    using _ = withOperation(({ create }) => ({
      create: async (path, mode) => {
        started.resolve();
        await gate.promise;
        return await create(path, mode);
      },
    }));
    const first = saveFolder(folder, files("old"));
    await started.promise;
    await assertRejects(() => saveFolder(folder, files("new")), Error, message);
    gate.resolve();
    await first;
    assertEquals(textsIn(folder), old);
    using __ = await claimFolder(folder);
    await assertRejects(() => saveFolder(folder, files("new")), Error, message);
  }));

Deno.test("only the files that change are written", () =>
  withFolder(async (folder) => {
    const places: string[] = [];
    const [weights, config] = files("old");
    await saveFolder(folder, [weights, config]);
    using _ = withOperation(({ rename }) => ({
      rename: (from, to) => {
        places.push(to);
        return rename(from, to);
      },
    }));
    await saveFolder(folder, [{ ...weights, content: "other" }, config]);
    assertEquals(places, [`${folder}/weights`]);
    await saveFolder(folder, [{ ...weights, content: "other" }, config]);
    assertEquals(places.length, 1);
  }));

Deno.test("a disk that fails for good in the middle of a save leaves a folder without its last file", () =>
  withFolder(async (folder) => {
    await saveFolder(folder, files("old"));
    {
      let renames = 0;
      using _ = withOperation(({ rename }) => ({
        rename: (from, to) => ++renames > 3 ? broken() : rename(from, to),
      }));
      const message = `cannot save the folder ${folder}: the disk failed; ` +
        "it may be unreadable until it is saved again";
      await assertRejects(() => saveFolder(folder, files("new")), Error, message);
    }
    assert(!filesIn(folder).includes("config.json"));
    await saveFolder(folder, files("new"));
    assertEquals(textsIn(folder), fresh);
  }));

Deno.test("a disk that accepts no bytes and reports no error is an error", () =>
  withFolder(async (folder) => {
    using _ = withOperation(({ create }) => ({
      create: async (path, mode) => {
        const file = await create(path, mode);
        const write = () => Promise.resolve(0);
        return { write, sync: () => file.sync(), [Symbol.dispose]: () => file[Symbol.dispose]() };
      },
    }));
    const message = "the disk accepts no more bytes (wrote 0 of 3 bytes)";
    await assertRejects(() => writeFileAtomic(`${folder}/file`, "new"), Error, message);
    assertEquals(filesIn(folder), []);
  }));

Deno.test("a folder in the place of a file stays where it is", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/config.json/inner`, { recursive: true });
    const message = `cannot write ${folder}/config.json: it is a folder`;
    await assertRejects(() => saveFolder(folder, files("new")), Error, message);
    assertEquals([filesIn(folder), filesIn(`${folder}/config.json`)], [["config.json"], ["inner"]]);
  }));

const uuid = "01234567-89ab-cdef-0123-456789abcdef";

Deno.test("what killed processes left is removed, and nothing else", () =>
  withFolder(async (folder) => {
    const dead = [`file.${uuid}.tmp`, `other.${uuid}.tmp`], kept = ["file.tmp", "x.y.tmp"];
    const write = (name: string) => Deno.writeTextFile(`${folder}/${name}`, "");
    await Promise.all([...dead, ...kept].map(write));
    using alive = await Deno.open(`${folder}/file.${uuid.replace("0", "f")}.tmp`, {
      write: true,
      createNew: true,
    });
    await alive.lock(true);
    await writeFileAtomic(`${folder}/file`, "");
    const living = `file.${uuid.replace("0", "f")}.tmp`;
    assertEquals(filesIn(folder), ["file", "file.tmp", living, dead[1], "x.y.tmp"].sort());
    await saveFolder(folder, files("new"));
    assertEquals(filesIn(folder), ["config.json", "file", ...kept, living, "weights"].sort());
  }));

Deno.test("a copy of a folder is one save, its configuration last", () =>
  withFolder(async (root) => {
    await saveFolder(`${root}/from`, files("old"));
    const places: string[] = [];
    using _ = withOperation(({ rename }) => ({
      rename: (from, to) => {
        places.push(to);
        return rename(from, to);
      },
    }));
    await copyFiles(`${root}/from`, `${root}/to`);
    assertEquals(textsIn(`${root}/to`), old);
    assertEquals(places, [`${root}/to/weights`, `${root}/to/config.json`]);
  }));

if (Deno.build.os !== "windows") {
  const modeOf = (path: string) => Deno.statSync(path).mode! & 0o777;

  Deno.test("a file keeps its mode, and what is not there yet is never open to more people", () =>
    withFolder(async (folder) => {
      await saveFolder(folder, files("old"));
      const modes = [0o600, 0o664], paths = files("").map(({ name }) => `${folder}/${name}`);
      paths.forEach((path, i) => Deno.chmodSync(path, modes[i]));
      const seen: number[] = [];
      using _ = withOperation(({ create }) => ({
        create: async (path, mode) => {
          const file = await create(path, mode);
          seen.push(modeOf(path));
          return file;
        },
      }));
      await saveFolder(folder, files("new"));
      assertEquals(paths.map(modeOf), modes);
      seen.forEach((mode, i) => assertEquals(mode & ~modes[i], 0));
      await writeFileAtomic(paths[0], "other");
      assertEquals(modeOf(paths[0]), 0o600);
    }));

  Deno.test("a link is replaced, and what it leads to stays as it is", () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/shared`, "of several models");
      await Deno.symlink("shared", `${folder}/file`);
      await writeFileAtomic(`${folder}/file`, "of this one");
      assert(Deno.lstatSync(`${folder}/file`).isFile);
      assertEquals(textsIn(folder), ["of this one", "of several models"]);
    }));

  Deno.test("no file takes the place of a device", () =>
    withFolder(async (folder) => {
      await Deno.symlink("/dev/null", `${folder}/link`);
      const message = `cannot write ${folder}/link: it is a device or a pipe, not a file`;
      await assertRejects(() => writeFileAtomic(`${folder}/link`, "x"), Error, message);
      assertEquals([filesIn(folder), Deno.lstatSync(`${folder}/link`).isSymlink], [["link"], true]);
    }));
}
