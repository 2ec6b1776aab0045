/** Tokenizers: reading a Hugging Face folder, training and writing our own. @module */

export * from "./save.ts";
export * from "./tokenizer.ts";
export * from "./train.ts";
