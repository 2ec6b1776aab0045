/**
 * Metrics of generated text against what people wrote: BLEU, NIST, METEOR, ROUGE-L and CIDEr, computed as the
 * scripts of the E2E NLG challenge compute them.
 *
 * @module
 */

export * from "./bleu.ts";
export { captionTokens } from "./caption_tokens.ts";
export * from "./cider.ts";
export * from "./meteor/load_tables.ts";
export { meteor } from "./meteor/meteor.ts";
export type { MeteorTables, ParaphraseTable, SynonymTable } from "./meteor/tables.ts";
export { mtevalTokens } from "./mteval_tokens.ts";
export * from "./nist.ts";
export type { ReferencedOutput } from "./referenced_output.ts";
export * from "./rouge_l.ts";
export * from "./text_metrics.ts";
