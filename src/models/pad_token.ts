/** The padding token of a classifier that was a language model. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { jsonText } from "../core/files.ts";
import { isRecord, isText, jsonValue } from "../core/json.ts";

/** The small files of a model by name. */
type SmallFiles = Readonly<Record<string, Uint8Array | string>>;

/**
 * The files of a classifier whose tokenizer names the padding token that the configuration has by its id, so that
 * transformers can pad a batch. A tokenizer that names one, or whose `tokenizer.json` has no such token, is left as
 * it is.
 */
export function withPadToken(files: SmallFiles, config: ConfigJson): SmallFiles {
  const { pad_token_id: id, architectures } = config, name = "tokenizer_config.json";
  const isClassifier = /ForSequenceClassification\b/.test(String(architectures));
  if (!isClassifier || !Number.isSafeInteger(id)) return files;
  const settings = parsed(files[name]), added = parsed(files["tokenizer.json"])?.added_tokens;
  const known = [settings, parsed(files["special_tokens_map.json"])];
  if (!settings || !Array.isArray(added) || known.some((file) => file?.pad_token)) return files;
  const token = added.find((token) => isRecord(token) && token.id === id)?.content;
  return isText(token) ? { ...files, [name]: jsonText({ ...settings, pad_token: token }) } : files;
}

function parsed(file?: Uint8Array | string): Readonly<Record<string, unknown>> | undefined {
  const value = file && jsonValue(isText(file) ? file : new TextDecoder().decode(file));
  return isRecord(value) ? value : undefined;
}
