/** The models and adapters of this repository that experiments begin with. @module */

import { fileURLToPath } from "node:url";

/**
 * Their folder `models/NAME`, as a path; of a package that is run over HTTP, its address. A published package
 * has `tiny-skills` alone: what needs another one is run in the repository.
 */
export function ownModels(name: string): string {
  const folder = new URL(`../models/${name}`, import.meta.url);
  return folder.protocol === "file:" ? fileURLToPath(folder) : folder.href;
}
