/**
 * Metrics of generated text against what people wrote: BLEU, NIST, METEOR, ROUGE-L and CIDEr, computed as the
 * scripts of the E2E NLG challenge compute them.
 *
 * @module
 */

export { bleu, mtevalTokens, nist } from "./bleu.ts";
export { captionTokens } from "./tokens.ts";
export * from "./cider.ts";
export { loadMeteorTables } from "./meteor_tables.ts";
export { meteor, type MeteorTables, type ParaphraseTable } from "./meteor.ts";
export * from "./rouge_l.ts";
export * from "./text_metrics.ts";
