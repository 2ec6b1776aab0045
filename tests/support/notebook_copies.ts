/** Copies of notebooks that tests run and save, so that the committed files stay as they are. @module */

import { basename } from "node:path";
import { rootPath } from "../../scripts/support/source_files.ts";

/** A folder beside `notebooks/`: `@lowrank/core` and `../models` are found from it alike. */
export class NotebookCopies implements AsyncDisposable {
  /** Folder of the copies. */
  readonly folder: string = Deno.makeTempDirSync({ dir: rootPath, prefix: ".notebooks_" });

  /** Copies a notebook. */
  async add(path: string): Promise<void> {
    await Deno.copyFile(path, this.path(basename(path, ".ipynb")));
  }

  /** The path of a copy. */
  path(name: string): string {
    return `${this.folder}/${name}.ipynb`;
  }

  /** Removes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
