/** METEOR's own tables, from the folder in which its jar is. @module */

import { decompressed } from "../../core/decompress.ts";
import { readBytes } from "../../core/files.ts";
import { decodeText } from "../../core/json.ts";
import { mostJsonBytes } from "../../core/limits.ts";
import { pathIn } from "../../core/storage.ts";
import { readZipped } from "../../core/zip.ts";
import { captionTokens } from "../caption_tokens.ts";
import type { ReferencedOutput } from "../referenced_output.ts";
import { parseParaphrases, parseSynonyms } from "./read_tables.ts";
import type { MeteorTables } from "./tables.ts";
import { meteorWords } from "./words.ts";

/** Bytes of the table of paraphrases; METEOR's has 272 MB. */
const mostParaphrases = 2 ** 32;

/**
 * Loads the tables of METEOR 1.5 for some texts: the synonyms (WordNet 3.0) in `meteor-1.5.jar`, and the
 * paraphrases in `data/paraphrase-en.gz`, of which only those are kept that the words of the texts can
 * make. The folder is that of METEOR, or `pycocoevalcap/meteor` of the E2E scripts or of the Python package.
 * Takes about 10 s.
 *
 * @throws {SyntaxError} when a file is damaged or not what it should be.
 * @throws {Error} when a file cannot be read.
 */
export async function loadMeteorTables(
  folder: string,
  outputs: readonly ReferencedOutput[],
): Promise<MeteorTables> {
  const words = new Set(
    outputs.flatMap(({ output, references }) =>
      [output, ...references].flatMap((text) => meteorWords(captionTokens(text).join(" ")))
    ),
  );
  const jar = pathIn(folder, "meteor-1.5.jar"), table = pathIn(folder, "data/paraphrase-en.gz");
  const textOf = async (name: string) =>
    decodeText(await readZipped(jar, `synonym/english.${name}`, mostJsonBytes));
  const synonyms = parseSynonyms(await textOf("synsets"), await textOf("exceptions"));
  const paraphrases = await parseParaphrases(
    textParts(await readBytes(table)),
    (word) => words.has(word),
  ).catch((error) => {
    throw new SyntaxError(`cannot read ${table}: ${error.message}`);
  });
  return { synonyms, paraphrases };
}

async function* textParts(packed: Uint8Array<ArrayBuffer>): AsyncGenerator<string> {
  const utf8 = new TextDecoder();
  for await (const part of decompressed(packed, "gzip", mostParaphrases)) {
    yield utf8.decode(part, { stream: true });
  }
}
