/** Saving an adapter's folder, whatever its method. @module */

import { readText } from "../core/files.ts";
import { type FolderFile, saveFolder } from "../core/save_folder.ts";
import { fileIn, type Folder, hasFile } from "../core/storage.ts";
import { otherFiles } from "./adapter_weights.ts";
import { CARD_MARK } from "./card_text.ts";

const card = "README.md";

/**
 * Saves the files of an adapter as a whole, and removes the weights and configurations of another one in the folder.
 *
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function saveAdapterFolder(
  folder: string,
  files: readonly FolderFile[],
): Promise<void> {
  await saveFolder(folder, files, () => otherFiles(files));
}

/** Whether a folder has a card that Lowrank wrote: any other is somebody's work. */
async function hasOwnCard(folder: Folder): Promise<boolean> {
  if (!await hasFile(folder, card)) return false;
  // A README that is not text is not ours.
  const text = await readText(fileIn(folder, card)).catch(() => "");
  return text.includes(CARD_MARK);
}

/** The card of an adapter, unless the folder has one that Lowrank did not write. */
export async function cardFile(folder: Folder, content: string): Promise<FolderFile[]> {
  const isFree = !await hasFile(folder, card) || await hasOwnCard(folder);
  return isFree ? [{ name: card, content }] : [];
}
