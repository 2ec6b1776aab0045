/** Documents as token ids, with the same convention for language models and n-grams. @module */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TextDocument } from "./documents.ts";

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
