/** Tokenizers: loading from a Hugging Face folder, training and saving. @module */

export * from "./prompt.ts";
export * from "./roberta.ts";
export * from "./save.ts";
export * from "./tokenizer.ts";
export * from "./train.ts";
