import { assertEquals, assertRejects } from "@std/assert";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { fileDigest } from "../../src/storage/digest.ts";
import { readBytes, readJson, readText } from "../../src/storage/files.ts";
import { fileIn, type FileSource, openFile } from "../../src/storage/storage.ts";
import { withFolder } from "../../scripts/support/folders.ts";

/** Links in folders of models and adapters: which are followed, in every way to read. */

const rule =
  "a link must lead to a file in its own folder, or from a snapshot in the Hugging Face cache";

/** Every way to read a file. */
const readers: readonly ((file: FileSource) => Promise<unknown>)[] = [
  readJson,
  readText,
  readBytes,
  fileDigest,
  async (file) => (await openFile(file))[Symbol.dispose](),
];

/** Makes a file that holds `{}` and, if they are missing, the folders before it. */
async function make(path: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, "{}");
}

/** Puts a link into a folder and reads it in every way. */
async function read(folder: string, target: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.symlink(target, `${folder}/config.json`);
  for (const reader of readers) await reader(fileIn(folder, "config.json"));
}

async function assertRefused(folder: string, target: string, reason = rule): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.symlink(target, `${folder}/config.json`);
  for (const reader of readers) {
    const { message } = await assertRejects(() => reader(fileIn(folder, "config.json")), Error);
    assertEquals(message.startsWith(`cannot read ${folder}/config.json: ${reason}`), true, message);
  }
}

Deno.test("a link to a file of the same folder is followed, over another link too", () =>
  withFolder(async (root) => {
    await make(`${root}/model/own.json`);
    await Deno.symlink("own.json", `${root}/model/middle.json`);
    await read(`${root}/model`, "middle.json");
  }));

Deno.test("a link out of its folder is refused, directly, over another link, and through a folder", () =>
  withFolder(async (root) => {
    await make(`${root}/secret.json`);
    await assertRefused(`${root}/upward`, "../secret.json");
    await assertRefused(`${root}/absolute`, `${root}/secret.json`);
    await make(`${root}/below/.git/config`); // of a clone, it may hold a token
    await assertRefused(`${root}/below`, ".git/config");
    await Deno.mkdir(`${root}/twice`);
    await Deno.symlink("../secret.json", `${root}/twice/middle.json`);
    await assertRefused(`${root}/twice`, "middle.json");
    await Deno.mkdir(`${root}/through`);
    await Deno.symlink(root, `${root}/through/folder`);
    await assertRefused(`${root}/through`, "folder/secret.json");
    await assertRefused(`${root}/model-with-a-longer-name`, "../model/secret.json", "it does not");
    await assertRefused(`${root}/circle`, "config.json", "its links lead in a circle");
  }));

Deno.test("a snapshot of the Hugging Face cache leads to the contents of its own repository alone", () =>
  withFolder(async (hub) => {
    const [one, other] = [`${hub}/models--owner--one`, `${hub}/models--owner--other`];
    await make(`${one}/blobs/c0ffee`);
    await make(`${other}/blobs/c0ffee`);
    await make(`${one}/refs/main`);
    await read(`${one}/snapshots/1`, "../../blobs/c0ffee");
    await read(`${one}/snapshots/1/checkpoint-5/unet`, "../../../../blobs/c0ffee");
    await assertRefused(`${one}/snapshots/2`, "../../../models--owner--other/blobs/c0ffee");
    await assertRefused(`${one}/snapshots/3`, "../../refs/main");
    await assertRefused(`${one}/other`, "../blobs/c0ffee");
    await make(`${hub}/secret`);
    await Deno.symlink("../../secret", `${one}/blobs/planted`);
    await assertRefused(`${one}/snapshots/4`, "../../blobs/planted");
  }));

Deno.test("what a user names is followed: a file wherever it is, and a folder, whose links stay inside", () =>
  withFolder(async (root) => {
    await make(`${root}/elsewhere/model/own.json`);
    await make(`${root}/elsewhere/secret.json`);
    await read(`${root}/elsewhere/model`, "own.json");
    await Deno.symlink("elsewhere/model", `${root}/model`);
    for (const name of ["own.json", "config.json"]) await readJson(fileIn(`${root}/model`, name));
    await Deno.symlink("../secret.json", `${root}/elsewhere/model/out.json`);
    await assertRejects(() => readJson(fileIn(`${root}/model`, "out.json")), Error, rule);
    await readJson(`${root}/elsewhere/model/out.json`);
  }));

Deno.test("a shard that is a link out of the folder of its index is refused", () =>
  withFolder(async (root) => {
    await Deno.mkdir(`${root}/model`);
    const index = `${root}/model/model.safetensors.index.json`,
      shard = `${root}/model/a.safetensors`;
    await writeSafetensors(`${root}/a.safetensors`, [["a", {
      shape: [1],
      data: Float32Array.of(1),
    }]]);
    await Deno.writeTextFile(index, JSON.stringify({ weight_map: { a: "a.safetensors" } }));
    await Deno.symlink("../a.safetensors", shard);
    for (const path of [`${root}/model`, index]) {
      await assertRejects(() => readSafetensors(path), Error, `cannot read ${shard}: ${rule}`);
    }
    assertEquals((await readSafetensors(shard)).tensors.size, 1);
    await Deno.copyFile(`${root}/a.safetensors`, `${root}/model/whole.safetensors`);
    await Deno.remove(shard);
    await Deno.symlink("whole.safetensors", shard);
    assertEquals((await readSafetensors(`${root}/model`)).tensors.size, 1);
  }));
