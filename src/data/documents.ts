/** The pretraining text: State of the Union speeches and Moby Dick, split by document. @module */

import { listFolder, readText } from "../core/files.ts";
import { mobyDickPackage, speechesPackage } from "./packages.ts";

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
