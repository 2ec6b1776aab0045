/**
 * Data: pretraining text and WordNet tasks from packages, and batches of tokens.
 *
 * @module
 */

export {
  type DateOptions,
  dateTexts,
  type Digits,
  type DigitSplit,
  factBatch,
  factKeyLength,
  type InventedFacts,
  type LinearTask,
  linearTask,
  type LinearTaskSpec,
  loadDigits,
  principalDirections,
  rotate,
  rowBatches,
  type ShiftSpectrum,
  shiftValues,
} from "./tasks/planted.ts";
export type { PromptFormat } from "../core/batch.ts";
export {
  type DocumentSplit,
  type EncodedDocuments,
  encodeDocuments,
  type LanguageScore,
  languageScore,
  loadMobyDick,
  loadPretrainingText,
  loadSpeeches,
  splitDocuments,
  type TextDocument,
} from "./documents.ts";
export {
  e2eData,
  type E2eMeaning,
  type E2eSplit,
  readReferencedOutputs,
  type ReferencedOutput,
} from "./tasks/e2e.ts";
export {
  type EvaluationBatches,
  evaluationBatches,
  type EvaluationBatchesOptions,
  type ReadModel,
} from "./text_rows.ts";
export {
  dictionaryEntry,
  glossBatches,
  type GlossOptions,
  type GlossSplit,
  type GlossTask,
  glossTexts,
  loadMeanings,
  type Meaning,
  parseMeanings,
  type PartOfSpeech,
  promptedText,
  splitOf,
  type SynonymTable,
  wordNetSynonyms,
} from "./tasks/wordnet.ts";
export * from "./masked_batches.ts";
export {
  encodeFitting,
  encodePrompted,
  type EvaluationOptions,
  evaluationWindows,
  PromptedBatches,
  promptedBatches,
  type PromptedText,
  randomWindows,
  type SampleOptions,
  tokenStream,
  usualFormat,
} from "./prompted_batches.ts";
export {
  type BatchOrder,
  batchOrders,
  type BatchSize,
  bucketBatches,
  checkBatchSize,
  fittedLength,
  IGNORED,
  packBatch,
  packBatches,
  packFitted,
  type TokenRow,
} from "./token_rows.ts";
export * from "./skills/mod.ts";
export * from "./text_dataset.ts";
export { type LabeledText, readPrompts, readTexts, type TextRows, type Texts } from "./texts.ts";
