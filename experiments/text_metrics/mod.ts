/**
 * Metrics of generated text against what people wrote: BLEU, NIST, METEOR, ROUGE-L and CIDEr, computed as the
 * scripts of the E2E NLG challenge compute them.
 *
 * @module
 */

export { bleu, nist } from "./bleu.ts";
export { captionTokens } from "./tokens.ts";
export * from "./cider.ts";
export { loadMeteorTables } from "./meteor_tables.ts";
export { meteor } from "./meteor.ts";
export type { MeteorTables, ParaphraseTable } from "./meteor.ts";
export { mtevalTokens } from "./bleu.ts";
export * from "./rouge_l.ts";
export * from "./text_metrics.ts";
