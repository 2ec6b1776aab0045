/** What a killed process has left of files that it was writing. @module */

import { listFolder, removeFile } from "./files.ts";
import { fileIn } from "./storage.ts";

/** How temporary files end: with a UUID, so that none of somebody else's is taken for one. */
const temporary = /\.[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.tmp$/;

/** Removes the temporary files of a folder that no process is writing to. */
export async function removePartialFiles(folder: string): Promise<void> {
  for (const name of await listFolder(folder)) {
    if (temporary.test(name)) await removeFile(fileIn(folder, name));
  }
}
