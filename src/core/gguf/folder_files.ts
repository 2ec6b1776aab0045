/** The files of a Hugging Face folder that a GGUF file has in another form. @module */

import type { OpenFile } from "../open_file.ts";
import { configOf } from "./config.ts";
import { type GgufHeader, readGguf } from "./header.ts";
import { hasTokenizer, tokenizerConfigOf, tokenizerOf } from "./tokenizer.ts";

/** How each file is made. */
const made: ReadonlyMap<string, (header: GgufHeader) => unknown> = new Map([
  ["config.json", configOf],
  ["tokenizer.json", tokenizerOf],
  ["tokenizer_config.json", tokenizerConfigOf],
]);

/**
 * Whether the folder that a GGUF file stands for has a file of this name.
 *
 * @throws {SyntaxError} when it is no GGUF file.
 */
export async function holdsFile(file: OpenFile, name: string): Promise<boolean> {
  return holds(await readGguf(file), name);
}

const holds = (header: GgufHeader, name: string): boolean =>
  name === "config.json" || made.has(name) && hasTokenizer(header);

/**
 * A file of that folder.
 *
 * @throws {SyntaxError} when it is no GGUF file, or one that says what no such file says.
 * @throws {Error} when there is no such file in it.
 */
export async function madeFile(file: OpenFile, name: string): Promise<Blob> {
  const header = await readGguf(file);
  if (!holds(header, name)) throw new Error(`it has nothing that a ${name} says`);
  return new Blob([JSON.stringify(made.get(name)!(header))]);
}
