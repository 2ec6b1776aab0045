/** Folders that are read from, and the names of files in them. @module */

/**
 * A folder to read from: its path (in a browser, a URL relative to the page), `hf:OWNER/NAME[@REVISION]`
 * for a repository of the Hugging Face hub, or its files in memory, found by `name`. A model's may be a GGUF file.
 */
export type Folder = string | readonly File[];

/** A file of a folder on the disk or the hub. It is not read through a link that leads out of the folder. */
export class FolderEntry {
  readonly #path: string;

  /** Names a file, which need not be there. */
  constructor(folder: string, name: string) {
    this.#path = pathIn(folder, name);
  }

  /** Its path. */
  toString(): string {
    return this.#path;
  }
}

/** A file of the folder that a GGUF file stands for, which holds its values in another form. */
export class PackedFile {
  /** Names a file, which need not be there. */
  constructor(readonly gguf: string | File, readonly name: string) {}

  /** Its path, as if the GGUF file were a folder. */
  toString(): string {
    return pathIn(this.gguf instanceof File ? this.gguf.name : this.gguf, this.name);
  }
}

/**
 * The GGUF file that stands for a model's folder: a path that ends with `.gguf`, or the one file of that kind in
 * memory. The repository `hf:OWNER/NAME.gguf` is none.
 */
export function packedIn(folder: Folder): string | File | undefined {
  if (typeof folder === "string") {
    return isGgufName(folder) && !/^hf:[^/]*\/[^/]*$/.test(folder) ? folder : undefined;
  }
  const [file, ...others] = folder.filter(({ name }) => isGgufName(name));
  return others.length === 0 ? file : undefined;
}

/** Of a list, callers without types may give anything. */
const isGgufName = (name: unknown): boolean => typeof name === "string" && name.endsWith(".gguf");

/** The path of a file in a folder, to be written or named. */
export function pathIn(folder: string, name: string): string {
  return /(^|\/)$/.test(folder) ? folder + name : `${folder}/${name}`;
}
