/** `lowrank begin`. @module */

import { formatBytes } from "../../figures/format.ts";
import { discard } from "../../storage/connection.ts";
import { makeFolder, readBytes, writeFileAtomic } from "../../storage/files.ts";
import { kindOf, pathIn, splitPath } from "../../storage/storage.ts";
import type { LowrankCommand } from "../command.ts";
import { type CommonOptions, print, table } from "../common.ts";
import { Argument, call, pathWord } from "../options.ts";

const help = `
Copies the package's small base, which knows 23 small tasks, 200 texts that
teach it another one, 200 that it is asked, and the README's program. Nothing
that is there is changed: where a file has another content, the command ends
before it writes. In a clone of Lowrank all of it is there.

JSON: {"folder", "files"}, with the bytes of each file.`;

/** Copies what the first programs and commands of the documentation use. */
export const beginCommand: LowrankCommand = {
  name: "begin",
  summary: "copy a small base and texts into a folder, to begin with",
  arguments: [new Argument("[folder]", "folder to write to").default(".")],
  permissions: ["read", "write"],
  help,
  example: "begin",
  run,
};

/** Paths from the package's folder. */
const files: readonly string[] = [
  ...["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"]
    .map((name) => `models/tiny-skills/${name}`),
  ...["flip.jsonl", "flip_unseen.jsonl", "first.ts"].map((name) => `examples/${name}`),
];

async function run(folder: string, options: CommonOptions): Promise<void> {
  const copies = await Promise.all(files.map(async (name) => {
    const content = await contentOf(name), path = pathIn(folder, name);
    return { name, path, content, isNew: await isNew(path, content) };
  }));
  for (const { path, content, isNew } of copies) {
    if (!isNew) continue;
    await makeFolder(splitPath(path).folder);
    await writeFileAtomic(path, content);
  }
  const sizes = Object.fromEntries(copies.map(({ name, content }) => [name, content.length]));
  print(options, { folder, files: sizes }, () =>
    [
      table(copies, [
        ["file", ({ path }) => path],
        ["size", ({ content }) => formatBytes(content.length)],
        ["", ({ isNew }) => isNew ? "" : "was there"],
      ]),
      ...next(folder),
    ].join("\n"));
}

const next = (folder: string): string[] => [
  "",
  `next${folder === "." ? "" : `, in ${folder}`}:`,
  `  ${call} train --model models/tiny-skills --data examples/flip.jsonl --output out/flip`,
  `  ${call} inspect out/flip --base models/tiny-skills`,
];

/**
 * The content of a file of this package: from where its modules are, on the disk or on a server.
 *
 * @throws {Error} when it cannot be had.
 */
async function contentOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const place = new URL(`../../../${name}`, import.meta.url);
  if (place.protocol === "file:") return await readBytes(place);
  const answer = await fetch(place);
  if (answer.ok) return await answer.bytes();
  await discard(answer);
  throw new Error(`cannot read ${place}: the server answered ${answer.status}`);
}

/**
 * True of a file that is to be written; false where it is there with this content.
 *
 * @throws {Error} when there is something else.
 */
async function isNew(path: string, content: Uint8Array): Promise<boolean> {
  if (await kindOf(path) === undefined) return true;
  const found = await readBytes(path);
  if (found.length === content.length && found.every((byte, i) => byte === content[i])) {
    return false;
  }
  throw new Error(
    `cannot write ${pathWord(path)}: it is there with another content; give another folder`,
  );
}
