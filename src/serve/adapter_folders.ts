/** The adapters on disk that a server may load. @module */

import { quote } from "../core/errors.ts";
import { configFile } from "../formats/peft/keys.ts";
import { listFolder, realPath } from "../storage/files.ts";
import { hasFile, kindOf, pathIn } from "../storage/storage.ts";
import { type FieldRule, plainName, Refusal } from "./requests.ts";

/** The name of a folder among the adapters. */
export const subfolderName: FieldRule<string> = {
  words: "the name of a folder in that of --adapters, and no path (copy or train it there)",
  holds: plainName.holds,
};

/** The sub-folders of one folder, by their names: a client names nothing else on the disk. */
export class AdapterFolders {
  /** The folder that they are in. */
  readonly root: string;

  /** Takes the folder's path. */
  constructor(root: string) {
    this.root = root;
  }

  /**
   * The names of the sub-folders that hold an adapter, in the order of the alphabet.
   *
   * @throws {Error} when the folder cannot be read.
   * @throws {RangeError} when one of them is a link that leads elsewhere.
   */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for (const name of (await listFolder(this.root)).toSorted()) {
      if (!await hasFile(pathIn(this.root, name), configFile)) continue;
      if (!await this.#isInside(name)) {
        const rule = `--adapters needs folders in ${this.root} itself`;
        throw new RangeError(`${rule}, found a link: ${quote(name)}`);
      }
      names.push(name);
    }
    return names;
  }

  /**
   * The path of a sub-folder.
   *
   * @throws {Refusal} when it is not the name of one, such as a path or a link that leads elsewhere.
   */
  async pathOf(name: string): Promise<string> {
    if (!plainName.holds(name)) throw badPath(`${subfolderName.words}, found ${quote(name)}`);
    const path = pathIn(this.root, name);
    if (await kindOf(path) !== "folder") {
      const rule = "lora_path (or else lora_name) must be a folder among the adapters";
      throw new Refusal(404, `${rule}, found ${quote(name)}`, "lora_path");
    }
    if (await this.#isInside(name)) return path;
    throw badPath(`a folder among the adapters itself, found a link: ${quote(name)}`);
  }

  /** The message of an error for a client: paths begin where its own names do. */
  sentenceOf({ message }: Error): string {
    return message.replaceAll(pathIn(this.root, ""), "");
  }

  /** The names of the sub-folders that hold no adapter. */
  async others(): Promise<string[]> {
    const others: string[] = [];
    for (const name of (await listFolder(this.root)).toSorted()) {
      const path = pathIn(this.root, name);
      const isPlain = !name.startsWith(".") && await kindOf(path) === "folder";
      if (isPlain && !await hasFile(path, configFile)) others.push(name);
    }
    return others;
  }

  async #isInside(name: string): Promise<boolean> {
    const [root, place] = [await realPath(this.root), await realPath(pathIn(this.root, name))];
    return place === pathIn(root, name);
  }
}

const badPath = (rule: string): Refusal =>
  new Refusal(400, `lora_path must be ${rule}`, "lora_path");
