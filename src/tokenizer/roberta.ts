/** A trained vocabulary as a tokenizer of RoBERTa's kind. @module */

import { jsonText } from "../core/files.ts";
import { saveFolder } from "../core/save_folder.ts";
import { tokenizerJson } from "./save.ts";
import type { BytePairVocabulary } from "./train.ts";

/** The first four tokens, in RoBERTa's order: the beginning, padding, the end, and the unknown token. */
const first = ["<s>", "<pad>", "</s>", "<unk>"] as const;

/** The token that stands for one to be predicted; RoBERTa has it last. */
export const maskToken = "<mask>";

/**
 * The contents of `tokenizer.json` and `tokenizer_config.json`: bytes and merges as in GPT-2, between `<s>`
 * and `</s>`, with the ids of RoBERTa: 0 to 3 for `<s>`, `<pad>`, `</s>` and `<unk>`, the last for `<mask>`.
 *
 * @param vocabulary Its special token must be `<mask>`.
 */
function robertaFiles(vocabulary: BytePairVocabulary): Record<string, unknown>[] {
  const tokens = [...first, ...vocabulary.tokens], { model, ...json } = tokenizerJson(vocabulary);
  const byteLevel = json.pre_tokenizer as object;
  const added = [...first, maskToken].map((content) => ({
    id: tokens.indexOf(content),
    content,
    single_word: false,
    lstrip: content === maskToken, // As in RoBERTa: the space before a mask belongs to it.
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const [bos_token, pad_token, eos_token, unk_token] = first;
  return [{
    ...json,
    added_tokens: added,
    post_processor: {
      ...byteLevel,
      type: "RobertaProcessing",
      sep: [eos_token, tokens.indexOf(eos_token)],
      cls: [bos_token, tokens.indexOf(bos_token)],
    },
    model: { ...model as object, vocab: Object.fromEntries(tokens.map((one, id) => [one, id])) },
  }, {
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    tokenizer_class: "RobertaTokenizer",
    ...{ bos_token, cls_token: bos_token, eos_token, sep_token: eos_token, unk_token, pad_token },
    mask_token: maskToken,
  }];
}

/**
 * Writes `tokenizer.json` and `tokenizer_config.json` of a RoBERTa to a folder, as `saveTokenizer` writes
 * GPT-2's: bytes and merges between `<s>` and `</s>`, with `<pad>`, `<unk>` and `<mask>`.
 *
 * They are saved as a whole: after a crash at any time, a reader finds the old tokenizer, the new one, or
 * an error.
 *
 * @param vocabulary Trained with the special token `<mask>`; four tokens come before its own.
 * @throws {RangeError} when its special token is another.
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function saveRobertaTokenizer(
  folder: string,
  vocabulary: BytePairVocabulary,
): Promise<void> {
  const { specialToken } = vocabulary;
  if (specialToken !== maskToken) {
    throw new RangeError(`a RoBERTa's special token must be ${maskToken}, found ${specialToken}`);
  }
  const [file, config] = robertaFiles(vocabulary);
  await saveFolder(folder, [
    { name: "tokenizer_config.json", content: jsonText(config) },
    { name: "tokenizer.json", content: jsonText(file) },
  ]);
}
