/** Files of a folder with their bytes in memory. @module */

import type { FolderFile } from "./save_folder.ts";

/** A file with its bytes. */
export type HeldFile = FolderFile & { readonly content: Uint8Array<ArrayBuffer> };

/** Makes what is to be written, without writing it. */
export async function holdFiles(files: readonly FolderFile[]): Promise<HeldFile[]> {
  return await Promise.all(files.map(async ({ name, content }) => ({
    name,
    content: await bytesOf(content),
  })));
}

async function bytesOf(content: FolderFile["content"]): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof content === "string") return new TextEncoder().encode(content);
  if (content instanceof Uint8Array) return new Uint8Array(content);
  const pieces: BlobPart[] = [];
  for await (const piece of content) pieces.push(new Uint8Array(piece));
  return await new Blob(pieces).bytes();
}

/** Held files as a reader of a folder takes them. */
export const asFiles = (files: readonly HeldFile[]): File[] =>
  files.map(({ name, content }) => new File([content], name));
