/**
 * Data: pretraining text and WordNet tasks from packages, batches of tokens, and n-gram baselines.
 *
 * @module
 */

export * from "./dates.ts";
export * from "./digits.ts";
export type { PromptFormat } from "../core/prompt_format.ts";
export * from "./documents.ts";
export * from "./e2e.ts";
export * from "./encoded_documents.ts";
export * from "./evaluation_batches.ts";
export * from "./facts.ts";
export * from "./gloss.ts";
export * from "./gloss_batches.ts";
export * from "./kneser_ney.ts";
export * from "./linear_task.ts";
export * from "./masked_batches.ts";
export * from "./language_score.ts";
export * from "./prompted_batches.ts";
export * from "./referenced_outputs.ts";
export * from "./rotation.ts";
export * from "./row_batches.ts";
export { type BatchOrder, batchOrders } from "./row_groups.ts";
export * from "./skills/mod.ts";
export * from "./text_batches.ts";
export * from "./text_dataset.ts";
export type { ReadModel } from "./text_reading.ts";
export * from "./texts.ts";
export * from "./token_rows.ts";
export * from "./wordnet.ts";
export * from "./wordnet_synonyms.ts";
