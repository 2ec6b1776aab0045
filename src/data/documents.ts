/**
 * The pretraining text, State of the Union speeches and Moby Dick, split by document, and as token
 * ids; data packages, downloaded when first requested; and the score of a language model on
 * held-out text.
 *
 * @module
 */

import { listFolder, readText } from "../storage/files.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { mobyDickPackage, speechesPackage } from "./packages.ts";

// Documents.

/** One speech or chapter. */
export interface TextDocument {
  /** File name without its extension: `1862_abraham_lincoln_r`, `chapter_42`. */
  readonly name: string;
  /** The whole text. */
  readonly text: string;
}

/** Documents to train on, and documents that training never sees. */
export interface DocumentSplit {
  /** All other documents. */
  readonly train: readonly TextDocument[];
  /** Every 25th document, starting with the 13th. */
  readonly heldOut: readonly TextDocument[];
}

/** The whole book and its table of contents: either would leak held-out chapters. */
const LEAKS: ReadonlySet<string> = new Set(["data.txt", "contents.txt"]);

/** File names of a folder's texts, sorted by code units so that the order is the same everywhere. */
async function textFiles(folder: URL): Promise<string[]> {
  const names = await listFolder(folder);
  return names.filter((name) => name.endsWith(".txt") && !LEAKS.has(name)).sort();
}

async function readDocuments(packageUrl: URL): Promise<TextDocument[]> {
  const folder = new URL("data/", packageUrl);
  const names = await textFiles(folder);
  return await Promise.all(names.map(async (file) => ({
    name: file.slice(0, -".txt".length),
    text: await readText(new URL(file, folder)),
  })));
}

/** The 233 State of the Union speeches in order of year (10.8 MB). */
export async function loadSpeeches(): Promise<TextDocument[]> {
  return await readDocuments(await speechesPackage());
}

/** Moby Dick (1.2 MB): 135 chapters in order of file name, then epilogue, etymology and extracts. */
export async function loadMobyDick(): Promise<TextDocument[]> {
  return await readDocuments(await mobyDickPackage());
}

/** Holds out every 25th document: those whose index modulo 25 is 12. */
export function splitDocuments(documents: readonly TextDocument[]): DocumentSplit {
  const isHeldOut = (index: number) => index % 25 === 12;
  return {
    train: documents.filter((_, index) => !isHeldOut(index)),
    heldOut: documents.filter((_, index) => isHeldOut(index)),
  };
}

/**
 * The pretraining split: every 25th speech and every 25th chapter is held out; the book's etymology,
 * extracts and epilogue are not chapters and stay in training. 11.57 MB to train on, 0.40 MB held out.
 */
export async function loadPretrainingText(): Promise<DocumentSplit> {
  const book = await loadMobyDick();
  const isChapter = ({ name }: TextDocument) => name.startsWith("chapter_");
  const speeches = splitDocuments(await loadSpeeches());
  const chapters = splitDocuments(book.filter(isChapter));
  return {
    train: [...speeches.train, ...chapters.train, ...book.filter((part) => !isChapter(part))],
    heldOut: [...speeches.heldOut, ...chapters.heldOut],
  };
}

// Tokens and scores.

/** Encoded documents, and what is needed to score a language model on them. */
export interface EncodedDocuments {
  /** One sequence per document, ending with `endOfText`, which counts as a token like any other. */
  readonly documents: readonly Uint32Array[];
  /** The id that ends every document and precedes its first token as context. */
  readonly endOfText: number;
  /** Number of tokens to predict: the sum of the documents' lengths. */
  readonly tokens: number;
  /** UTF-8 bytes of the text; the end tokens add none. */
  readonly bytes: number;
}

/**
 * Encodes documents. Every document ends with the end-of-text token, which is scored (a model must say
 * where a document ends) and is the context of the document's first token: a document of n tokens
 * requires n + 1 predictions, none of which sees earlier documents.
 *
 * @throws {TypeError} when the tokenizer has no end-of-text token.
 */
export function encodeDocuments(
  tokenizer: Tokenizer,
  texts: readonly TextDocument[],
): EncodedDocuments {
  const { endOfText } = tokenizer;
  if (endOfText === undefined) {
    throw new TypeError(
      "encoding documents needs a tokenizer with an end-of-text token, found none",
    );
  }
  const utf8 = new TextEncoder();
  const documents = texts.map(({ text }) =>
    Uint32Array.from([...tokenizer.encode(text), endOfText])
  );
  return {
    documents,
    endOfText,
    tokens: documents.reduce((sum, ids) => sum + ids.length, 0),
    bytes: texts.reduce((sum, { text }) => sum + utf8.encode(text).length, 0),
  };
}

/** A model's score on a text. */
export interface LanguageScore {
  /** −ln p per token: depends on the vocabulary. */
  readonly natsPerToken: number;
  /** −log₂ p per UTF-8 byte: comparable between vocabularies. */
  readonly bitsPerByte: number;
}

/**
 * Computes both units from the nats of a whole text.
 *
 * @example
 * ```ts
 * import { languageScore } from "@lowrank/core/data";
 * languageScore(Math.LN2 * 8, { tokens: 4, bytes: 8 }).bitsPerByte; // 1
 * ```
 */
export function languageScore(
  nats: number,
  { tokens, bytes }: { tokens: number; bytes: number },
): LanguageScore {
  return { natsPerToken: nats / tokens, bitsPerByte: nats / bytes / Math.LN2 };
}
